"""Densities with exact draws, samplers for them, and the rank test."""

import dataclasses
import math

import torch
from scipy.stats import chi2

import thalweg.samplers as library
from thalweg.core import Energy
from thalweg.energies import Gumbel, RestrictedBoltzmann, every_state
from thalweg.samplers import Diagonal, LowRank, RandomWalk, Sampler

DOUBLE = torch.float64
D = 2


class TemperedGumbel(Energy):
    """beta times the Gumbel energy: e^-y is Gamma(beta, rate beta)."""

    def __init__(self, beta=1.0, d=D):
        super().__init__()
        self.inverse, self.d = beta, d

    def forward(self, y, x=None):
        return self.inverse * (y + (-y).exp()).sum(dim=1)

    def draw(self, n, generator):
        shape = torch.full((n, self.d), self.inverse, dtype=DOUBLE)
        # the larger shape and a power of a uniform: small shapes lose no digits
        gamma = torch._standard_gamma(shape + 1, generator=generator)
        u = torch.rand(n, self.d, generator=generator, dtype=DOUBLE)
        return -(gamma.log() + u.log() / self.inverse - math.log(self.inverse))


class Listed(RestrictedBoltzmann):
    """A small machine with exact draws, by listing all states."""

    def __init__(self, d=5, k=3, seed=0, scale=1.0):
        generator = torch.Generator().manual_seed(seed)
        parts = [torch.randn(*s, generator=generator, dtype=DOUBLE) for s in ((d, k), (d,), (k,))]
        super().__init__(scale * parts[0], parts[1], parts[2])

    @torch.no_grad()
    def probabilities(self):
        return torch.softmax(-self(every_state(len(self.visible_bias))), dim=0)

    def draw(self, n, generator):
        which = torch.multinomial(self.probabilities(), n, replacement=True, generator=generator)
        return every_state(len(self.visible_bias))[which]


class Categories(Energy):
    """Two items of three categories: a quadratic energy on one-hot rows, drawn by listing."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.pair = torch.randn(6, 6, generator=generator, dtype=DOUBLE)
        self.states = torch.stack([
            torch.eye(3, dtype=DOUBLE)[[a, b]] for a in range(3) for b in range(3)
        ])  # fmt: skip

    def forward(self, y, x=None):
        flat = y.flatten(1)
        return ((flat @ self.pair) * flat).sum(dim=1)

    def draw(self, n, generator):
        share = torch.softmax(-self(self.states), dim=0)
        return self.states[torch.multinomial(share, n, replacement=True, generator=generator)]


def rotated():
    vectors = torch.tensor([[0.6], [0.8]], dtype=DOUBLE)
    return LowRank(torch.tensor([1.2, 0.8], dtype=DOUBLE), vectors, torch.tensor([1.7]).double())


METRICS = {
    "unit": library.Unit(),
    "diagonal": Diagonal(torch.tensor([1.5, 0.6], dtype=DOUBLE)),
    "low rank": rotated(),
}

EXAMPLE = {
    "proposal": TemperedGumbel(0.8),
    "inner": RandomWalk(1.0),
    "betas": (1.0, 0.6, 0.3),
    "step_size": 0.4,
    "max_halvings": 6,
}
"""Values of settings by their name: a sampler with these names is covered when it is added."""


def every_sampler():
    """All that can be had: name to sampler, from what the package offers."""
    for name in library.__all__:
        kind = getattr(library, name)
        if isinstance(kind, type) and issubclass(kind, Sampler) and not kind.__abstractmethods__:
            fields = {f.name for f in dataclasses.fields(kind)}
            given = {k: v for k, v in EXAMPLE.items() if k in fields}
            yield name, kind(**given)


def target_for(sampler):
    """An energy with exact draws that the sampler moves in."""
    return Listed() if sampler.space == "binary" else Gumbel(D).double()


def statistics(y):
    """Numbers (m, n) that a mistake in any coordinate, in size or in shape, would change."""
    flat = y.flatten(1)
    away = flat - 0.3
    return [flat[:, 0], flat[:, -1], flat.sum(dim=1), away.square().sum(dim=1)]


def rank_p_value(after, draw, generator, others=19):
    """The smallest p-value, times the number of tests, of the ranks of ``after`` among draws.

    A kernel that keeps the density makes of exact draws exact draws; among ``others`` independent
    ones all ranks are then equally likely (Gandy and Scott, "Unit testing for MCMC and other Monte
    Carlo methods", 2020). Ties are broken at random.
    """
    n = len(after)
    fresh = [statistics(draw(n, generator)) for _ in range(others)]
    worst = 1.0
    tests = statistics(after)
    for i, value in enumerate(tests):
        rank, place = torch.zeros(n, dtype=torch.long), torch.rand(n, generator=generator)
        for other in fresh:
            tie = torch.rand(n, generator=generator) < place
            rank += (other[i] < value) | ((other[i] == value) & tie)
        counts = torch.bincount(rank, minlength=others + 1).double()
        expected = n / (others + 1)
        worst = min(worst, float(chi2.sf(((counts - expected) ** 2 / expected).sum(), others)))
    return min(1.0, worst * len(tests))


def stepped(sampler, energy, y, generator, steps):
    state = sampler.init(energy, y)
    for _ in range(steps):
        state, _ = sampler.step(energy, state, generator)
    return sampler.position(state)
