"""Samplers on something whose answer is known: time of a step beside peers, and the error.

python benchmarks/samplers_kernels.py [--repeat 9]

Chains: 64 of them, 1000 steps, of a normal density of 50 dimensions for most; seconds are of the
loop, without compilation. The error is of a mean (or log Z) that is known, in standard errors: of a
right sampler half of the repeats are below 0.67. Langevin without a check is biased by its step
size. Medians of repeats. HMC and NUTS have benchmarks of their own.
"""

import argparse
import time
from statistics import median

import jax
import jax.numpy as jnp
import numpy as np
import torch

jax.config.update("jax_enable_x64", True)

import blackjax  # noqa: E402
from scipy.optimize import minimize, rosen, rosen_der  # noqa: E402
from sklearn.neural_network import BernoulliRBM  # noqa: E402
from torchebm.core import BaseModel  # noqa: E402
from torchebm.samplers import LangevinDynamics  # noqa: E402

from thalweg.core import Energy  # noqa: E402
from thalweg.energies import (  # noqa: E402
    Ising,
    Normal,
    NormalMixture,
    RestrictedBoltzmann,
    TwoWells,
    every_state,
)
from thalweg.questions import descend  # noqa: E402
from thalweg.samplers import (  # noqa: E402
    HMC,
    LBFGS,
    MALA,
    BlockGibbs,
    GibbsWithGradients,
    GradientDescent,
    Independence,
    Langevin,
    Nesterov,
    ParallelTempering,
    RandomWalk,
    annealed_importance,
    importance,
    mcse_mean,
    rejection,
    reversed_importance,
    run,
    sequential,
)

CHAINS, STEPS, D = 64, 1000, 50
DOUBLE = torch.float64
SPREAD = torch.linspace(0.5, 2.0, D, dtype=DOUBLE)
TARGET = Normal(torch.zeros(D, dtype=DOUBLE), torch.diag(SPREAD.square()))


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def in_errors(draws, truth):
    """How far the mean of draws (chains, n) is from the truth, in its own standard errors."""
    draws = draws.to(DOUBLE)[..., None]
    return float((draws.mean() - truth).abs() / mcse_mean(draws)[0])


def of_chain(sampler, energy, start, quantity, truth):
    """Microseconds a step, and the error of a mean over draws."""

    def measure(seed):
        generator = seeded(seed)
        state = sampler.init(energy, start(generator))
        begun = time.perf_counter()
        chain = run(sampler, energy, state, STEPS, generator)
        seconds = time.perf_counter() - begun
        return 1e6 * seconds / STEPS, in_errors(quantity(chain.draws), truth)

    return measure


def of_blackjax(kernel, *args):
    """Microseconds a step of a kernel of BlackJAX, on the same chains."""
    variance = jnp.asarray(SPREAD.square().numpy())

    def log_density(y):
        return -0.5 * (y**2 / variance).sum()

    algorithm = kernel(log_density, *args)

    def chain(key, state):
        def body(state, key):
            state, _ = algorithm.step(key, state)
            return state, state.position

        return jax.lax.scan(body, state, jax.random.split(key, STEPS))[1]

    many = jax.jit(jax.vmap(chain))
    first = jax.vmap(algorithm.init)(jnp.asarray(TARGET.draw(CHAINS, seeded(0)).numpy()))

    def measure(seed):
        keys = jax.random.split(jax.random.PRNGKey(seed), CHAINS)
        begun = time.perf_counter()
        jax.block_until_ready(many(keys, first))
        return 1e6 * (time.perf_counter() - begun) / STEPS

    measure(0)
    return measure


class OfTorchebm(BaseModel):
    def forward(self, x):
        return 0.5 * (x / SPREAD).square().sum(dim=-1)


def langevin_of_torchebm(seed):
    torch.manual_seed(seed)
    walk = LangevinDynamics(OfTorchebm(), step_size=0.02, dtype=DOUBLE)
    first = TARGET.draw(CHAINS, seeded(seed))
    begun = time.perf_counter()
    walk.sample(x=first, n_steps=STEPS, return_trajectory=True)
    return 1e6 * (time.perf_counter() - begun) / STEPS


def weights():
    """Of a Boltzmann machine of 100 visible and 20 hidden units."""
    w = 0.2 * torch.randn(100, 20, generator=seeded(1), dtype=DOUBLE)
    return w, torch.randn(100, generator=seeded(2), dtype=DOUBLE), torch.zeros(20, dtype=DOUBLE)


def mean_of(machine):
    """E[sum of y]: how log Z, summed over all states of the hidden units, grows with the biases."""
    (mean,) = torch.autograd.grad(machine.log_normalizer(), machine.visible_bias)
    return float(mean.sum())


def gibbs_of_scikit_learn(seed):
    """Microseconds a sweep of BernoulliRBM.gibbs, on the same machine and as many chains."""
    w, a, b = (each.numpy() for each in weights())
    peer = BernoulliRBM(random_state=seed)
    peer.random_state_ = np.random.RandomState(seed)
    peer.components_, peer.intercept_visible_, peer.intercept_hidden_ = w.T.copy(), a, b
    v = (np.random.default_rng(seed).random((CHAINS, 100)) < 0.5).astype(float)
    begun = time.perf_counter()
    for _ in range(STEPS):
        v = peer.gibbs(v).astype(float)
    return 1e6 * (time.perf_counter() - begun) / STEPS


class Rosenbrock(Energy):
    def forward(self, y, x=None):
        ahead, here = y[:, 1:], y[:, :-1]
        return (100 * (ahead - here.square()).square() + (1 - here).square()).sum(dim=1)


def lowest(method):
    """Microseconds a start for 64 starts together, and the median of the energy that is left."""

    def measure(seed):
        first = torch.randn(64, 10, generator=seeded(seed), dtype=DOUBLE)
        begun = time.perf_counter()
        end = descend(Rosenbrock(), first, max_steps=2000, method=method)
        return 1e6 * (time.perf_counter() - begun) / 64, float(Rosenbrock()(end).median())

    return measure


def lowest_of_scipy(seed):
    first = torch.randn(64, 10, generator=seeded(seed), dtype=DOUBLE).numpy()
    begun = time.perf_counter()
    for each in first:
        minimize(rosen, each, jac=rosen_der, method="L-BFGS-B", tol=1e-9)
    return 1e6 * (time.perf_counter() - begun) / 64


def of_log_z(estimate, truth):
    """Microseconds a point of 4096, and the error of a log Z in its standard errors."""

    def measure(seed):
        begun = time.perf_counter()
        found, error = estimate(seeded(seed))
        return 1e6 * (time.perf_counter() - begun) / 4096, abs(found - truth) / error

    return measure


def rows():
    truth = float(SPREAD.square().sum())

    def on_normal(sampler):
        return of_chain(sampler, TARGET, lambda g: TARGET.draw(CHAINS, g),
                        lambda y: y.square().sum(-1), truth)  # fmt: skip

    wide = Normal(torch.zeros(D, dtype=DOUBLE), torch.diag(1.1 * SPREAD.square()))
    normal_step = blackjax.mcmc.random_walk.normal(0.2 * jnp.ones(D))
    yield (
        "random walk",
        on_normal(RandomWalk(0.2)),
        ("BlackJAX", of_blackjax(blackjax.rmh, normal_step)),
    )
    yield "independence", on_normal(Independence(wide)), None
    yield "Langevin, no check", on_normal(Langevin(0.02)), ("torchebm", langevin_of_torchebm)
    yield "MALA", on_normal(MALA(0.05)), ("BlackJAX", of_blackjax(blackjax.mala, 0.05))

    wells, ladder = TwoWells(4.0), RandomWalk(torch.tensor([0.3, 0.4, 0.6, 0.8, 1.0]))
    yield ("parallel tempering, two wells",
           of_chain(ParallelTempering(ladder), wells,
                    lambda g: torch.tensor([[-1.0, 0.0]]).repeat(CHAINS, 1),
                    lambda y: (y[:, 200:, 0] > 0).to(DOUBLE), 0.5), None)  # fmt: skip
    machine = RestrictedBoltzmann(*weights())
    of_machine = of_chain(BlockGibbs(), machine, lambda g: torch.zeros(CHAINS, 100, dtype=DOUBLE),
                          lambda y: y[:, 200:].sum(-1), mean_of(machine))  # fmt: skip
    yield "block Gibbs, 100 x 20 units", of_machine, ("scikit-learn", gibbs_of_scikit_learn)
    coupling = torch.diag(torch.full((9,), 0.5, dtype=DOUBLE), 1)
    ising = Ising(coupling + coupling.T, torch.full((10,), 0.2, dtype=DOUBLE))
    states = every_state(10).to(DOUBLE)
    exact = float(torch.softmax(-ising(states), dim=0) @ states.sum(dim=1))
    yield ("Gibbs with gradients, 10 spins",
           of_chain(GibbsWithGradients(), ising, lambda g: torch.zeros(CHAINS, 10, dtype=DOUBLE),
                    lambda y: y[:, 200:].sum(-1), exact), None)  # fmt: skip

    means = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 3.0]], dtype=DOUBLE)
    ring = NormalMixture(means, 0.5)
    easy = Normal(torch.zeros(2, dtype=DOUBLE), 9 * torch.eye(2, dtype=DOUBLE))
    log_z = float(ring.log_normalizer())

    def by_importance(generator):
        found = importance(ring, easy, 4096, generator)
        return found.log_z, (1 / found.effective_size - 1 / 4096) ** 0.5

    def by_annealing(generator):
        found = annealed_importance(ring, easy, HMC(0.4, n_steps=3), 30, 4096, generator)
        return found.value, found.standard_error

    def by_sequence(generator):
        found = [sequential(ring, easy, HMC(0.4, n_steps=3), 512, generator).log_z
                 for _ in range(8)]  # fmt: skip
        return float(np.mean(found)), float(np.std(found, ddof=1)) / 8**0.5

    def back(generator):
        draws = ring.draw(4096, generator)
        found = reversed_importance(ring, easy, HMC(0.4, n_steps=3), 30, draws, generator)
        return found.value, found.standard_error

    def by_rejection(seed):
        begun = time.perf_counter()
        # F of the proposal minus F of the ring is below -0.5 everywhere
        kept = rejection(ring, easy, -0.5, 4096, seeded(seed))
        us = 1e6 * (time.perf_counter() - begun) / 4096
        draws, truth = kept.y[:, 0], float(means[:, 0].mean())
        return us, float((draws.mean() - truth).abs() / (draws.std() / 4096**0.5))

    yield "importance sampling, log Z", of_log_z(by_importance, log_z), None
    yield "rejection", by_rejection, None
    yield "annealed importance, log Z", of_log_z(by_annealing, log_z), None
    yield "the same, reversed", of_log_z(back, log_z), None
    yield "sequential Monte Carlo, log Z", of_log_z(by_sequence, log_z), None
    yield "LBFGS, Rosenbrock of 10", lowest(LBFGS()), ("SciPy", lowest_of_scipy)
    yield "Nesterov, Rosenbrock of 10", lowest(Nesterov()), None
    yield "GradientDescent, Rosenbrock of 10", lowest(GradientDescent()), None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=9)
    args = parser.parse_args()
    print("| sampler | thalweg, us | error | peer, us |")
    print("|---|---|---|---|")
    for name, ours, peer in rows():
        found = [ours(seed) for seed in range(args.repeat)]
        us, error = (median(values) for values in zip(*found, strict=True))
        beside = ""
        if peer is not None:
            who, measure = peer
            beside = f"{who} {median(measure(seed) for seed in range(args.repeat)):.0f}"
        print(f"| {name} | {us:.3g} | {error:.2g} | {beside} |", flush=True)


if __name__ == "__main__":
    main()
