"""Bits drawn, and sweeps over two layers of them, in one loop."""

import numpy as np
import pytest
import torch

from thalweg.core.compiled import LIKE
from thalweg.energies import RestrictedBoltzmann
from thalweg.kernels.machine import choose
from thalweg.samplers import Bipartite, BlockGibbs, run
from thalweg.samplers.noise import STEP, bits


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def machine_of(d, k, dtype):
    weights = torch.randn(d, k, generator=seeded(1), dtype=dtype)
    visible, hidden = (torch.randn(n, generator=seeded(n), dtype=dtype) for n in (d, k))
    return RestrictedBoltzmann(weights, visible, hidden)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n", "d", "k"), [(1, 1, 1), (7, 5, 3), (40, 33, 70), (300, 20, 6)])
def test_sweeps_are_draws_of_each_layer_in_turn(n, d, k, dtype):
    machine = machine_of(d, k, dtype)
    begin = bits(torch.zeros(n, d, dtype=dtype), seeded(2))
    fast = list(machine.sweeps(begin, 9, seeded(3)))
    slow = list(Bipartite.sweeps(machine, begin, 9, seeded(3)))
    for (y, energy), (expected, of_expected) in zip(fast, slow, strict=True):
        assert torch.equal(y, expected)
        torch.testing.assert_close(energy, of_expected, rtol=1e-5, atol=1e-5)


def test_one_by_one_and_at_once(monkeypatch):
    machine = machine_of(6, 4, torch.float64)
    begin = torch.zeros(5, 6, dtype=torch.float64)
    sampler, state = BlockGibbs(), BlockGibbs().init(machine, begin)
    whole = run(sampler, machine, state, 20, seeded(5)).draws
    monkeypatch.setattr("thalweg.energies.boltzmann.AT_ONCE", 90)
    assert torch.equal(run(sampler, machine, state, 20, seeded(5)).draws, whole)
    generator, each = seeded(5), []
    for _ in range(20):
        state, _ = sampler.step(machine, state, generator)
        each.append(state.y)
    assert torch.equal(torch.stack(each, dim=1), whole)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bits_have_their_odds(dtype):
    odds = torch.tensor([-torch.inf, -3.0, 0.0, 0.7, 5.0, torch.inf, torch.nan], dtype=dtype)
    n = 400_000
    rate = bits(odds.expand(n, -1), seeded(6)).double().mean(dim=0)
    expected = odds.double().sigmoid().nan_to_num(0)
    # a bit that is sure is never the other one
    error = 4.5 * (expected * (1 - expected) / n).sqrt()
    assert (rate - expected).abs().le(error).all()


def test_a_class_with_parts_of_its_own_is_asked_for_them():
    class Other(RestrictedBoltzmann):
        def draw_hidden(self, y, generator):
            return torch.ones_like(y[:, :1]).repeat(1, len(self.hidden_bias))

    machine = Other(torch.full((3, 2), 20.0), torch.full((3,), -10.0), torch.zeros(2))
    y, _ = next(machine.sweeps(torch.zeros(4, 3), 1, seeded()))
    assert (y == 1).all()


def test_a_bit_that_is_never_one_is_not_one_where_the_number_is_zero():
    odds, numbers = np.array([-np.inf, -60.0, np.inf]), np.array([0.0, 0.0, 1 - 2.0**-53])
    choose(LIKE[torch.float64], odds, numbers, STEP[torch.float64] / 2)
    assert numbers.tolist() == [0, 0, 1]
