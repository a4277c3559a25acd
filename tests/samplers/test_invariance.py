"""Every kernel keeps its density, by an exact test; and the test sees mistakes."""

import math
import sys

import pytest
import torch
from targets import (
    DOUBLE,
    METRICS,
    Categories,
    D,
    Listed,
    TemperedGumbel,
    every_sampler,
    rank_p_value,
    stepped,
    target_for,
)
from torch.distributions.transforms import ExpTransform

import thalweg.samplers as library
from thalweg.core import Energy
from thalweg.energies import Gumbel, Transformed
from thalweg.samplers import (
    HMC,
    MALA,
    MAMS,
    MCLMC,
    NUTS,
    WALNUTS,
    GibbsWithGradients,
    Independence,
    Langevin,
    ParallelTempering,
    RandomWalk,
    State,
    Unit,
)

N = 20_000
FEWER = 4_000
ALARM = 1e-6
"""p-values below it are an alarm: about 40 tests of correct kernels together stay below 1e-4"""

SAMPLERS = dict(every_sampler())
EXACT = [name for name, s in SAMPLERS.items() if s.exact and not isinstance(s, ParallelTempering)]
NUTS_SIZES = (0.2, 0.7, 1.3)
VARIANTS = {
    f"{kind.__name__}, {name}": kind(0.5, metric)
    for kind in (RandomWalk, MALA, HMC, NUTS, MAMS)
    for name, metric in METRICS.items()
}


def p_value(sampler, energy, steps=8, seed=0, n=N):
    generator = torch.Generator().manual_seed(seed)
    y = energy.draw(n, generator)
    after = stepped(sampler, energy, y, generator, steps)
    assert not torch.equal(after, y)
    return rank_p_value(after, energy.draw, generator)


@pytest.mark.parametrize("name", EXACT)
def test_every_sampler_keeps_its_density(name):
    sampler = SAMPLERS[name]
    n = FEWER if isinstance(sampler, (NUTS, WALNUTS)) else N
    assert p_value(sampler, target_for(sampler), n=n) > ALARM


@pytest.mark.parametrize("name", VARIANTS)
def test_a_metric_changes_nothing_of_the_density(name):
    n = FEWER if name.startswith("NUTS") else N
    assert p_value(VARIANTS[name], Gumbel(D).double(), steps=4, n=n) > ALARM


@pytest.mark.parametrize("step", NUTS_SIZES)
def test_trees_of_unequal_weights_keep_the_density(step):
    assert p_value(NUTS(step), Gumbel(D).double(), steps=2) > ALARM


@pytest.mark.parametrize("sampler", [WALNUTS(1.5, tolerance=0.1), WALNUTS(3.0), WALNUTS(0.9)])
def test_halved_steps_keep_the_density(sampler):
    assert p_value(sampler, Gumbel(D).double(), steps=2) > ALARM


class Funnel(Energy):
    """Narrow where the first coordinate is low: its neighbour has variance e^v."""

    def forward(self, y, x=None):
        v = y[:, 0]
        return v.square() / 18 + 0.5 * y[:, 1].square() * (-v).exp() + 0.5 * v

    def draw(self, n, generator):
        noise = torch.randn(n, 2, generator=generator, dtype=DOUBLE)
        v = 3 * noise[:, 0]
        return torch.stack([v, noise[:, 1] * (v / 2).exp()], dim=1)


def test_halved_steps_keep_a_funnel():
    assert p_value(WALNUTS(1.0, max_doublings=6), Funnel(), steps=3, n=FEWER) > ALARM


def test_gibbs_with_gradients_keeps_a_density_of_categories():
    assert p_value(GibbsWithGradients(one_hot=True), Categories()) > ALARM


def test_microcanonical_dynamics_are_nearly_exact_with_small_steps():
    assert p_value(MCLMC(0.05, n_steps=20), Gumbel(D).double(), steps=3) > ALARM
    # and are not with large ones, which the test sees
    assert p_value(MCLMC(1.2, n_steps=5), Gumbel(D).double(), steps=6) < ALARM


def test_langevin_is_nearly_exact_with_small_steps():
    assert p_value(Langevin(1e-3), Gumbel(D).double(), steps=1000) > ALARM


def test_a_step_size_for_each_chain():
    steps = torch.linspace(0.2, 0.9, N, dtype=DOUBLE)
    for kind in (RandomWalk, MALA, HMC):
        assert p_value(kind(steps), Gumbel(D).double(), steps=3) > ALARM


def tempered(sampler, energies, seed=0, steps=4):
    """The p-value for each rung of a ladder begun at exact draws of every rung."""
    generator = torch.Generator().manual_seed(seed)
    draws = torch.stack([e.draw(N, generator) for e in energies], dim=1)
    start = sampler.init(Gumbel(D).double(), draws[:, 0])
    cold = energies[0]
    state = State(draws, torch.stack([cold(draws[:, j]) for j in range(len(energies))], dim=1),
                  None if start.grad is None else 1 - (-draws).exp())  # fmt: skip
    for _ in range(steps):
        state, _ = sampler.step(Gumbel(D).double(), state, generator)
    return [rank_p_value(state.y[:, j], e.draw, generator)
            for j, e in enumerate(energies)]  # fmt: skip


BETAS = (1.0, 0.5, 0.25, 0.1)


@pytest.mark.parametrize("inner", [RandomWalk(1.0), MALA(0.3), HMC(0.4, n_steps=2)], ids=repr)
def test_parallel_tempering_keeps_every_rung(inner):
    energies = [TemperedGumbel(beta) for beta in BETAS]
    assert min(tempered(ParallelTempering(inner, BETAS), energies)) > ALARM


# Mistakes that people make: the same test has to see each of them.


def test_it_sees_a_flipped_sign_in_the_acceptance(monkeypatch):
    right = library.base.metropolis
    for module in ("metropolis", "leapfrog"):
        monkeypatch.setattr(
            sys.modules[f"thalweg.samplers.{module}"],
            "metropolis",
            lambda state, proposal, log_ratio, *rest, **named: right(
                state, proposal, -log_ratio, *rest, **named
            ),
        )
    for sampler in (RandomWalk(0.5), MALA(0.2), HMC(0.8), Independence(TemperedGumbel(0.8))):
        assert p_value(sampler, Gumbel(D).double()) < ALARM


def test_it_sees_a_missing_factor_of_the_noise():
    step = 1e-3
    mistaken = Langevin(step, noise=math.sqrt(step))
    assert p_value(mistaken, Gumbel(D).double(), steps=1000) < ALARM


class NoKinetic(Unit):
    """Forgets that proposals there and back are not equally likely."""

    def parts(self):
        """Compiled loops do not know it."""

    def kinetic(self, p):
        return torch.zeros(len(p), dtype=p.dtype)


def test_it_sees_a_missing_proposal_correction():
    assert p_value(MALA(0.4, NoKinetic()), Gumbel(D).double()) < ALARM
    assert p_value(HMC(0.9, NoKinetic()), Gumbel(D).double()) < ALARM


class NoJacobian(ExpTransform):
    def log_abs_det_jacobian(self, x, y):
        return torch.zeros_like(x)


class Exponential(TemperedGumbel):
    """Rows of e^-y of the Gumbel density: exponential, above 0."""

    def forward(self, y, x=None):
        return y.sum(dim=1)

    def draw(self, n, generator):
        return (-super().draw(n, generator)).exp()


def test_a_change_of_coordinates_keeps_the_density_and_a_missing_jacobian_does_not():
    assert p_value(HMC(0.5, n_steps=2), Transformed(Exponential(), ExpTransform())) > ALARM
    # the wrong energy, held against the right draws
    right = Transformed(Exponential(), ExpTransform())
    wrong = Transformed(Exponential(), NoJacobian())
    generator = torch.Generator().manual_seed(0)
    y = right.draw(N, generator)
    after = stepped(HMC(0.5, n_steps=2), wrong, y, generator, 8)
    assert rank_p_value(after, right.draw, generator) < ALARM


class Inverted(ParallelTempering):
    """Swaps where it should not."""

    def swap(self, state, generator):
        traded, rates = super().swap(state._replace(energy=-state.energy), generator)
        return traded._replace(energy=-traded.energy), rates


def test_it_sees_an_inverted_swap_ratio():
    energies = [TemperedGumbel(beta) for beta in BETAS]
    assert tempered(Inverted(RandomWalk(1.0), BETAS), energies)[0] < ALARM


class NoReturn(GibbsWithGradients):
    """Forgets the probability of the change back."""

    def _log_proposal(self, y, grad):
        found = super()._log_proposal(y, grad)
        self.__dict__["calls"] = self.__dict__.get("calls", 0) + 1
        return found if self.calls % 2 else torch.zeros_like(found)


def test_it_sees_a_missing_return_probability():
    assert p_value(NoReturn(), Listed()) < ALARM


def test_it_sees_chains_that_share_their_draw_of_the_acceptance(monkeypatch):
    # a chain that is accepted when its neighbour's number is low is still right for each chain
    # alone; but one that reuses the proposal's noise is not
    from thalweg.samplers import noise

    kept = {}

    def normal(like, generator):
        kept["noise"] = noise.normal(like, generator)
        return kept["noise"]

    def uniform(like, generator):
        return torch.special.ndtr(kept["noise"][:, 0])

    monkeypatch.setattr("thalweg.samplers.metropolis.normal", normal)
    monkeypatch.setattr("thalweg.samplers.base.uniform", uniform)
    monkeypatch.setattr("thalweg.samplers.base.is_native", lambda y, energy: False)
    assert p_value(RandomWalk(1.0), Gumbel(D).double()) < ALARM
