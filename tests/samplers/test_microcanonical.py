"""The integrator of constant speed, against its laws and against differential equations."""

import math

import pytest
import torch
from targets import DOUBLE, METRICS, D

from thalweg.core import InputError, value_and_gradient
from thalweg.energies import Gumbel, Normal
from thalweg.questions import sample
from thalweg.samplers import HMC, MAMS, MCLMC, State, Unit
from thalweg.samplers.microcanonical import _turned, microcanonical

ENERGY = Gumbel(D).double()


def begin(n=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    y = ENERGY.draw(n, generator).to(DOUBLE)
    u = torch.randn(n, D, generator=generator, dtype=DOUBLE)
    return State(y, *value_and_gradient(ENERGY, y)), u / u.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_turned_round_it_leads_back(metric):
    state, u = begin()
    end, v, kinetic = microcanonical(ENERGY, metric, state, u, 0.4, 9)
    back, w, more = microcanonical(ENERGY, metric, end, -v, 0.4, 9)
    torch.testing.assert_close(back.y, state.y, rtol=0, atol=1e-9)
    torch.testing.assert_close(w, -u, rtol=0, atol=1e-9)
    torch.testing.assert_close(more, -kinetic, rtol=0, atol=1e-9)
    torch.testing.assert_close(v.norm(dim=1), torch.ones(7, dtype=DOUBLE))


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_its_error_is_of_second_order(metric):
    state, u = begin()

    def errors(step):
        end, v, kinetic = microcanonical(ENERGY, metric, state, u, step, round(0.8 / step))
        return end.energy - state.energy + kinetic, v, end.y

    coarse, fine, finest = errors(0.02), errors(0.01), errors(0.005)
    ratio = (coarse[0] / fine[0]).abs().median()
    assert 3.5 < float(ratio) < 4.5
    for i in (1, 2):
        shrinks = (coarse[i] - fine[i]).norm() / (fine[i] - finest[i]).norm()
        assert 3.5 < float(shrinks) < 4.5


def test_a_turn_is_the_formula():
    state, u = begin()
    for step in (0.3, 40.0):
        found, kinetic = _turned(Unit(), u, state.grad, step)
        size = state.grad.norm(dim=1)
        delta, e = step * math.sqrt(D) * size / (D - 1), -state.grad / size[:, None]
        along = (e * u).sum(dim=1)
        stretch = delta.cosh() + along * delta.sinh()
        toward = delta.sinh() + along * (delta.cosh() - 1)
        torch.testing.assert_close(found, (u + toward[:, None] * e) / stretch[:, None])
        torch.testing.assert_close(kinetic, (D - 1) * stretch.log())
    # far beyond what cosh can hold, and where there is no gradient
    far, kinetic = _turned(Unit(), u, 1e6 * state.grad, 1.0)
    torch.testing.assert_close(far, e)
    assert bool(kinetic.isfinite().all())
    same, kinetic = _turned(Unit(), u, torch.zeros_like(u), 1.0)
    torch.testing.assert_close(same, u)
    torch.testing.assert_close(kinetic, torch.zeros(7, dtype=DOUBLE), rtol=0, atol=1e-12)


def test_a_step_is_about_as_long_a_coordinate_as_it_says():
    state, u = begin()
    end, _, _ = microcanonical(ENERGY, Unit(), state, u, 1e-3)
    length = (end.y - state.y).square().mean(dim=1).sqrt()
    torch.testing.assert_close(length, torch.full_like(length, 1e-3), rtol=1e-3, atol=0)


@pytest.mark.parametrize("sampler", [MAMS(), MCLMC()])
def test_a_warm_up_finds_what_it_takes(sampler):
    generator = torch.Generator().manual_seed(0)
    scale = torch.logspace(-2, 2, 20, dtype=DOUBLE)
    energy = Normal(torch.zeros(20, dtype=DOUBLE), torch.diag(scale.square()))
    start = torch.randn(16, 20, generator=generator, dtype=DOUBLE)
    found = sample(energy, 4000, generator, start=start, sampler=sampler)
    assert float(found.r_hat().max()) < 1.03
    off = (found.mean() / found.mcse_mean()).abs().max()
    assert float(off) < 4.5
    variance = found.draws.flatten(0, 1).var(dim=0) / scale.square()
    assert float((variance - 1).abs().max()) < 0.25
    if isinstance(sampler, MAMS):
        assert 0.8 < float(found.acceptance.mean()) < 0.97


def test_a_single_coordinate_has_no_direction():
    for sampler in (MAMS(), MCLMC()):
        with pytest.raises(InputError, match="1 coordinate, in which"):
            sampler.init(lambda y: y.square().sum(dim=1), torch.zeros(3, 1))
    HMC().init(lambda y: y.square().sum(dim=1), torch.zeros(3, 1))
