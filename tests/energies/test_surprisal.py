"""Energies made of energies: their sum, their rarity, their far ends drawn in."""

import numpy as np
import pytest
import torch
from scipy import stats

from thalweg.core import Energy, InputError
from thalweg.energies import FarCell, Manhattan, NeighborDistance, Normal, Squashed, Sum, Surprisal


class Plain(Energy):
    """The first column."""

    def forward(self, y, x=None):
        return y[:, 0]

    def restricted(self, visible):
        return self


def rare(values, body=1.0):
    return Surprisal(Plain(), torch.as_tensor(values, dtype=torch.float64), body)


def test_it_is_minus_the_log_of_the_share_that_is_at_least_as_high():
    values = np.random.default_rng(0).permutation(np.arange(1, 201)) ** 1.5
    shares = [(1 + (values >= v).sum()) / 201 for v in values]
    found = torch.exp(-rare(values)(torch.as_tensor(values)[:, None]))
    np.testing.assert_allclose(found, shares, rtol=0.02)


def test_it_rises_strictly_wherever_energies_do():
    values = np.random.default_rng(0).exponential(size=3000)
    f = np.linspace(-1, 60, 5000)
    for body in (0.6, 0.8, 1.0):
        found = rare(values, body)(torch.as_tensor(f)[:, None]).numpy()
        assert (np.diff(found) > 0).all()
        assert np.isfinite(found).all()


def test_beyond_the_body_a_log_normal_tail_goes_on():
    law = stats.lognorm(s=0.4)
    values = law.ppf((np.arange(20000) + 0.5) / 20000)
    # what is far beyond the body is not taken at its word
    values = np.concatenate([values, 1e4 + np.arange(400)])
    at = law.isf([1e-1, 1e-3, 1e-6, 1e-9])
    found = rare(values, 0.95)(torch.as_tensor(at)[:, None]).numpy()
    expected = -law.logsf(at)
    assert abs(found / expected - 1).max() < 0.3
    assert (found < expected + 0.1).all()


def test_a_tail_that_grows_heavier_is_followed():
    # of a column that is flat in the middle: no rarer than it is
    values = 1 + stats.norm.ppf((np.arange(20000) + 0.5) / 20000) ** 2
    at = np.quantile(values, [0.99, 0.999])
    found = rare(values, 0.95)(torch.as_tensor(at)[:, None]).numpy()
    assert (found < -np.log([0.01, 0.001]) + 0.5).all()


def test_what_came_up_several_times_is_no_rarer_than_that():
    values = np.concatenate([np.zeros(900), np.full(80, 1.0), np.full(20, 5.0)])
    found = rare(values, 0.95)(torch.tensor([[1.0], [5.0], [50.0]], dtype=torch.float64)).numpy()
    assert found[0] < -np.log(0.08) + 0.01
    assert found[1] < -np.log(0.02) + 0.01
    assert found[2] > 8


@pytest.mark.parametrize("body", [0.7, 0.95, 1.0])
def test_energies_of_few_values_rise_too(body):
    values = np.repeat([0.0, 1.0, 2.0, 3.0, 9.0], [300, 400, 200, 80, 20])
    f = np.sort(np.concatenate([np.linspace(0, 12, 500), [1, 2, 3, 9],
                                np.array([1, 2, 3, 9]) * (1 + 1e-13)]))  # fmt: skip
    found = rare(values, body)(torch.as_tensor(f)[:, None]).numpy()
    # nor does rounding throw a value from one side to the other
    assert (np.diff(found) >= 0).all()
    near = rare(values, body)(torch.tensor([[3.0], [3.0 + 1e-12]], dtype=torch.float64))
    assert abs(float(near[1] - near[0])) < 1e-6


def test_the_furthest_cell_counts_for_as_many_as_there_are():
    rows = torch.randn(4000, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    energy = FarCell(rows, [0, 1, 3], 0.95)
    y = torch.zeros(4, 5, dtype=torch.float64)
    y[1, 0], y[2, 2], y[3] = 30, 30, torch.nan
    y[3, 4] = 0
    value = energy.restricted(~y.isnan())(y)
    assert value[1] > 6
    assert (value[[0, 2, 3]] == 0).all()
    # no more than the probability of so far a cell, of which there are three, and ten times rarer
    usual = torch.randn(20000, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert (energy(usual) > 0).float().mean() < 0.1


def test_a_mean_of_surprisals_goes_on_as_it_is():
    values = np.random.default_rng(0).exponential(size=3000)
    energy = Surprisal(Plain(), torch.as_tensor(values), 0.8, in_nats=True)
    f = torch.tensor([[5.0], [6.0], [30.0]], dtype=torch.float64)
    # exponential values are surprisals: they are what they were
    np.testing.assert_allclose(energy(f), f[:, 0], atol=0.15)


def test_what_is_always_the_same_is_no_surprise_and_more_is():
    found = rare(torch.full((50,), 2.0))(torch.tensor([[2.0], [3.0]], dtype=torch.float64))
    assert abs(float(found[0])) < 1e-6
    assert found[1] > 20
    zero = rare(torch.zeros(50))(torch.tensor([[0.0], [1.0]], dtype=torch.float64))
    assert abs(float(zero[0])) < 1e-6
    assert zero[1] > 20


def test_what_is_beyond_all_numbers_is_the_most_surprising():
    found = rare([1.0, 2.0, torch.inf, torch.nan, 3.0], 0.6)
    values = found(torch.tensor([[1.0], [3.0], [1e10], [1e200]], dtype=torch.float64))
    assert (values.diff() > 0).all()


@pytest.mark.parametrize("body", [0.5, 1.1])
def test_a_body_is_more_than_half(body):
    with pytest.raises(InputError, match="above 1/2 and at most 1"):
        rare([1.0], body)


def test_a_sum_is_the_energy_of_a_product():
    one, two = (Normal(torch.zeros(2), torch.eye(2) * s) for s in (1.0, 4.0))
    both = Normal(torch.zeros(2), torch.eye(2) / (1 + 1 / 4))
    y = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    away = Sum([one, two])(y) - both(y)
    torch.testing.assert_close(away, away[:1].expand(20))
    torch.testing.assert_close(Sum([one, two], [2.0, 0.5])(y), 2 * one(y) + 0.5 * two(y))
    with pytest.raises(InputError, match="1 energies and 2 weights"):
        Sum([one], [1.0, 2.0])


def test_what_is_hidden_is_hidden_from_all_of_a_sum():
    rows = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    near = NeighborDistance(rows, 3, Manhattan())
    energy = Sum([near, Squashed(near)], [0.5, 2.0])
    y = rows[:5] + 0.1
    y[:, 1] = torch.nan
    seen = ~y.isnan()
    view = energy.restricted(seen)
    expected = 0.5 * near.restricted(seen)(y) + 2 * Squashed(near.restricted(seen))(y)
    torch.testing.assert_close(view(y), expected)
    torch.testing.assert_close(view.expect(y), near.restricted(seen).expect(y))
    assert len(view.fillings(y)) == 10


def test_far_ends_are_drawn_in():
    energy = Squashed(Plain())
    y = torch.tensor([[0.0], [1e-6], [-100.0], [100.0]], dtype=torch.float64)
    expected = [0, 1e-6, -np.log(101), np.log(101)]
    np.testing.assert_allclose(energy(y), expected, rtol=1e-6)
