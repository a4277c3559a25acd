"""Many steps of Langevin dynamics down a network in one call: those of the plain loop."""

import dataclasses

import pytest
import torch

from thalweg.energies import NetworkEnergy, Perceptron
from thalweg.samplers import HMC, Diagonal, Langevin, Unit
from thalweg.samplers.leapfrog import transition

STEPS = 6


@pytest.fixture(params=[torch.float32, torch.float64])
def energy(request):
    generator = torch.Generator().manual_seed(0)
    return NetworkEnergy(Perceptron((3, 40, 20, 1), generator=generator), 0.3).to(request.param)


def rows(energy, n):
    start = torch.randn(n, 3, generator=torch.Generator().manual_seed(1))
    return start.to(next(energy.parameters()).dtype)


def chain(sampler, energy_fn, y, at_once):
    generator = torch.Generator().manual_seed(2)
    state = sampler.init(energy_fn, y)
    if at_once:
        return list(sampler.steps(energy_fn, state, STEPS, generator)), generator
    each = []
    for _ in range(STEPS):
        state, info = sampler.step(energy_fn, state, generator)
        each.append((state, info))
    return each, generator


@pytest.mark.parametrize("sampler", [
    Langevin(0.05), Langevin(torch.linspace(0.01, 0.2, 70)), Langevin(1.0, noise=0.01),
])  # fmt: skip
def test_they_are_the_steps_one_by_one_and_those_of_the_plain_loop(energy, sampler):
    y = rows(energy, 70)
    together, generator = chain(sampler, energy, y, True)
    alone, other = chain(sampler, energy, y, False)
    # a function is walked down by the plain loop
    plain, _ = chain(sampler, energy.forward, y, True)
    close = 1e-4 if y.dtype == torch.float32 else 1e-12
    for (one, info), (two, _), (three, told) in zip(together, alone, plain, strict=True):
        for a, b, c in zip(one, two, three, strict=True):
            assert torch.equal(a, b)
            torch.testing.assert_close(a, c, rtol=close, atol=close)
        assert info.gradients == told.gradients == 1
        assert torch.equal(info.accepted, told.accepted)
        assert info.acceptance.dtype == y.dtype
    assert torch.equal(generator.get_state(), other.get_state())


def test_a_chain_is_the_same_beside_any_others(energy):
    many, _ = chain(Langevin(0.05), energy, rows(energy, 70), True)
    few, _ = chain(Langevin(0.05), energy, rows(energy, 70)[:33], True)
    for (one, _), (two, _) in zip(many, few, strict=True):
        assert torch.equal(one.y[:33], two.y)


def test_a_step_to_where_nothing_is_finite_is_not_taken(energy):
    y = rows(energy, 70)
    sizes = torch.full((70,), 0.05, dtype=y.dtype)
    sizes[[3, 69]] = 1e38 if y.dtype == torch.float32 else 1e300
    wild = NetworkEnergy(energy.network, 1e3).to(y)
    together, _ = chain(Langevin(sizes), wild, y, True)
    begun = Langevin().init(wild, y)
    for state, info in together:
        assert info.diverged.nonzero()[:, 0].tolist() == [3, 69]
        assert torch.equal(state.y[[3, 69]], y[[3, 69]])
        assert state.grad.isfinite().all()
        assert torch.equal(state.energy[[3, 69]], begun.energy[[3, 69]])
        assert torch.equal(state.grad[[3, 69]], begun.grad[[3, 69]])
        assert not torch.equal(state.y[4], y[4])
        assert torch.equal(info.accepted, ~info.diverged)


def test_with_a_metric_the_plain_loop_walks(energy):
    y = rows(energy, 20)
    sampler = dataclasses.replace(Langevin(0.05), metric=Diagonal(torch.ones(3).to(y)))
    (scaled, _), (plain, _) = (
        chain(sampler, energy, y, True),
        chain(Langevin(0.05), energy, y, True),
    )
    for (one, _), (two, _) in zip(scaled, plain, strict=True):
        torch.testing.assert_close(one.y, two.y, rtol=1e-4, atol=1e-5)


def test_more_noise_than_is_drawn_at_once_makes_no_difference(energy, monkeypatch):
    y = rows(energy, 20)
    once, _ = chain(Langevin(0.05), energy, y, True)
    monkeypatch.setattr("thalweg.samplers.langevin.AT_ONCE", 130)
    parts, _ = chain(Langevin(0.05), energy, y, True)
    for (one, _), (two, _) in zip(once, parts, strict=True):
        assert torch.equal(one.y, two.y)


@pytest.mark.parametrize("metric", [Unit(), Diagonal(torch.tensor([0.5, 1.0, 2.0]))])
@pytest.mark.parametrize("step", [0.1, torch.linspace(0.01, 0.2, 70)])
@pytest.mark.parametrize("n_steps", [1, 7])
def test_a_trajectory_down_a_network_is_that_of_the_plain_loop(energy, metric, step, n_steps):
    y = rows(energy, 70)
    if isinstance(metric, Diagonal):
        metric = Diagonal(metric.variance.to(y))
    found = []
    for energy_fn in (energy, energy.forward):
        generator = torch.Generator().manual_seed(0)
        state = HMC().init(energy, y)
        found.append(transition(energy_fn, metric, state, in_units(step, y), n_steps, generator))
    close = 1e-4 if y.dtype == torch.float32 else 1e-12
    (one, info), (two, told) = found
    for a, b in zip(one, two, strict=True):
        torch.testing.assert_close(a, b, rtol=close, atol=close)
    torch.testing.assert_close(info.acceptance, told.acceptance, rtol=close, atol=close)
    assert torch.equal(info.accepted, told.accepted)


def in_units(step, y):
    return step.to(y)[:, None] if isinstance(step, torch.Tensor) else step


def test_hmc_reaches_the_loop(energy, monkeypatch):
    called = []
    monkeypatch.setattr(NetworkEnergy, "gradient", lambda self, y, x=None: called.append(1))
    y = rows(energy, 40)
    sampler = HMC(0.05, n_steps=4, jitter=0)
    state, _ = sampler.step(energy, sampler.init(energy, y), torch.Generator().manual_seed(0))
    assert not called
    assert not torch.equal(state.y, y)
