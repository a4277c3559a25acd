"""Effective draws a gradient and a second, beside NumPyro's and BlackJAX's NUTS.

python benchmarks/samplers_efficiency.py --data-dir DIR [--repeat 3] [--chains 4]

On the posteriors of posteriordb (skipped without the folder), Neal's funnel and ten modes. The
smallest bulk effective size over coordinates, of the draws after warm-up. Gradients are those of
the draws, of all chains together; seconds are warm-up and draws together, without compilation,
which is done before for all. ``sample`` has a warm-up of 500 steps, the others 1000.
Everything in double precision, all with their default settings; medians.
"""

import argparse
import time
from functools import partial
from pathlib import Path
from statistics import median

import jax
import jax.numpy as jnp
import numpy as np
import torch

jax.config.update("jax_enable_x64", True)

from models import posteriors, toys  # noqa: E402

from thalweg.questions import sample  # noqa: E402
from thalweg.samplers import MAMS, MCLMC, NUTS, ess_bulk, r_hat  # noqa: E402

WARM_UP = 1000


def starts(model, chains, seed):
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(chains, model.d, generator=generator, dtype=torch.float64) - 1


def of_thalweg(sampler, chains, draws, compiled):
    """``sample`` by its defaults, but for what is given; compiled before, as the others are."""

    def measure(name, model, other, seed):
        def run(draws, **settings):
            return sample(
                partial(model, torch), chains * draws, torch.Generator().manual_seed(seed),
                start=starts(model, chains, seed), sampler=sampler, chains=chains,
                compiled=compiled, **settings,
            )  # fmt: skip

        run(1, warm_up=1)
        begun = time.perf_counter()
        found = run(draws)
        seconds = time.perf_counter() - begun
        return found.draws, found.gradients * chains, seconds, int(found.diverged.sum())

    return measure


def of_numpyro(chains, draws):
    from numpyro.infer import MCMC
    from numpyro.infer import NUTS as Peer

    kept = {}

    def measure(name, model, other, seed):
        if name not in kept:
            kernel = Peer(potential_fn=lambda u: other(jnp, u))
            kept[name] = MCMC(kernel, num_warmup=WARM_UP, num_samples=draws, num_chains=chains,
                              chain_method="vectorized", progress_bar=False)  # fmt: skip
        mcmc = kept[name]
        first = jnp.asarray(starts(model, chains, seed).numpy())

        def run():
            mcmc.run(jax.random.PRNGKey(seed), init_params=first,
                     extra_fields=("num_steps", "diverging"))  # fmt: skip
            return jax.block_until_ready(mcmc.get_samples(group_by_chain=True))

        run()
        begun = time.perf_counter()
        found = run()
        seconds = time.perf_counter() - begun
        extra = mcmc.get_extra_fields()
        return (torch.as_tensor(np.array(found)), float(extra["num_steps"].sum()), seconds,
                int(extra["diverging"].sum()))  # fmt: skip

    return measure


def of_blackjax(chains, draws):
    import blackjax

    kept = {}

    def make(other):
        def log_density(u):
            return -other(jnp, u)

        def one(key, first):
            warm = blackjax.window_adaptation(blackjax.nuts, log_density)
            key, warm_key = jax.random.split(key)
            (state, settings), _ = warm.run(warm_key, first, WARM_UP)
            kernel = blackjax.nuts(log_density, **settings)

            def body(state, key):
                state, info = kernel.step(key, state)
                return state, (state.position, info.num_integration_steps, info.is_divergent)

            return jax.lax.scan(body, state, jax.random.split(key, draws))[1]

        return jax.jit(jax.vmap(one))

    def measure(name, model, other, seed):
        run = kept.setdefault(name, make(other))
        first = jnp.asarray(starts(model, chains, seed).numpy())
        keys = jax.random.split(jax.random.PRNGKey(seed), chains)
        jax.block_until_ready(run(keys, first))
        begun = time.perf_counter()
        found, steps, diverged = jax.block_until_ready(run(keys, first))
        seconds = time.perf_counter() - begun
        return torch.as_tensor(np.array(found)), float(steps.sum()), seconds, int(diverged.sum())

    return measure


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--only", default="", help="samplers whose names have this")
    args = parser.parse_args()
    ours, theirs = toys(torch.as_tensor), toys(jnp.asarray)
    if args.data_dir is None or not (args.data_dir / "posteriordb").is_dir():
        print("posteriors skipped: --data-dir DIR with a folder posteriordb is needed")
    else:
        ours = {**posteriors(args.data_dir, torch.as_tensor), **ours}
        theirs = {**posteriors(args.data_dir, jnp.asarray), **theirs}
    total = args.chains * args.draws
    samplers = {
        "thalweg, default": of_thalweg(None, 16, 4 * total // 16, compiled=True),
        "thalweg, default, not compiled": of_thalweg(None, 16, 4 * total // 16, compiled=False),
        "thalweg MAMS": of_thalweg(MAMS(), 16, 4 * total // 16, compiled=True),
        "thalweg MCLMC, biased": of_thalweg(MCLMC(), 16, 4 * total // 16, compiled=True),
        f"thalweg NUTS, {args.chains} chains": of_thalweg(NUTS(), args.chains, args.draws, True),
        f"NumPyro NUTS, {args.chains} chains": of_numpyro(args.chains, args.draws),
        f"BlackJAX NUTS, {args.chains} chains": of_blackjax(args.chains, args.draws),
    }
    print("| density | sampler | ESS / 1000 gradients | ESS / s | R-hat | diverged |")
    print("|---|---|---|---|---|---|")
    for name, model in ours.items():
        for who, measure in samplers.items():
            if args.only not in who:
                continue
            rows = []
            for seed in range(args.repeat):
                found, gradients, seconds, diverged = measure(name, model, theirs[name], seed)
                ess = float(ess_bulk(found).min())
                rows.append((1000 * ess / gradients, ess / seconds, float(r_hat(found).max()),
                             diverged))  # fmt: skip
            middle = [median(column) for column in zip(*rows, strict=True)]
            print(f"| {name} | {who} | {middle[0]:.0f} | {middle[1]:.0f} | {middle[2]:.3f} | "
                  f"{middle[3]:.0f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
