"""Neal's funnel: the neck, where steps of one length fail.

python benchmarks/funnel.py [--draws 160000] [--numpyro]

v is normal(0, 3), and nine others have variance e^v given it. 16 chains from starts in [-1, 1], a
warm-up of 500 steps (NumPyro: 1000), all with their default settings. Quantiles of v are in its
standard deviations, with those of a normal density in the first row; seconds with compilation.
"""

import argparse
import time
import warnings
from functools import partial
from statistics import NormalDist

import numpy as np
import torch
from models import toys

from thalweg.questions import sample
from thalweg.samplers import HMC, NUTS, WALNUTS, ess_bulk, r_hat

CHAINS, LEVELS = 16, (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def starts(d, seed):
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(CHAINS, d, generator=generator, dtype=torch.float64) - 1


def of_thalweg(sampler, model, n, seed):
    found = sample(
        partial(model, torch), n, torch.Generator().manual_seed(seed), start=starts(model.d, seed),
        sampler=sampler, chains=CHAINS, compiled=True,
    )  # fmt: skip
    return found.draws, int(found.diverged.sum())


def of_numpyro(model, n, seed):
    import jax
    import jax.numpy as jnp
    from numpyro.infer import MCMC
    from numpyro.infer import NUTS as Peer

    jax.config.update("jax_enable_x64", True)
    mcmc = MCMC(Peer(potential_fn=lambda u: model(jnp, u)), num_warmup=1000,
                num_samples=n // CHAINS, num_chains=CHAINS, chain_method="vectorized",
                progress_bar=False)  # fmt: skip
    mcmc.run(jax.random.PRNGKey(seed), init_params=jnp.asarray(starts(model.d, seed).numpy()),
             extra_fields=("diverging",))  # fmt: skip
    draws = torch.as_tensor(np.array(mcmc.get_samples(group_by_chain=True)))
    return draws, int(mcmc.get_extra_fields()["diverging"].sum())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=160_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--numpyro", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    model = toys(torch.as_tensor)["funnel"]
    ways = {f"thalweg {type(sampler).__name__}": partial(of_thalweg, sampler)
            for sampler in (WALNUTS(), HMC(), NUTS())}  # fmt: skip
    if args.numpyro:
        ways["NumPyro NUTS"] = of_numpyro
    print("| sampler | R-hat | ESS | diverged | "
          + " | ".join(f"{level:.0%}" for level in LEVELS) + " | s |")  # fmt: skip
    print("|" + "---|" * (5 + len(LEVELS)))
    truth = " | ".join(f"{NormalDist().inv_cdf(level):.2f}" for level in LEVELS)
    print(f"| the density | | | | {truth} | |")
    for name, measure in ways.items():
        begun = time.perf_counter()
        draws, diverged = measure(model, args.draws, args.seed)
        seconds = time.perf_counter() - begun
        at = np.quantile(draws[..., 0].numpy() / 3, LEVELS)
        shown = " | ".join(f"{value:.2f}" for value in at)
        print(f"| {name} | {float(r_hat(draws).max()):.4f} | {float(ess_bulk(draws).min()):.0f} | "
              f"{diverged} | {shown} | {seconds:.0f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
