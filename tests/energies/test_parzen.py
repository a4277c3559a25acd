"""Kernels around rows: held to scikit-learn's, to a mixture, and to themselves."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from sklearn.neighbors import KernelDensity as Theirs

import thalweg
from thalweg.core import InputError
from thalweg.energies import Parzen
from thalweg.energies.parzen import best_bandwidth
from thalweg.estimators import KernelDensity

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(300, 3)) * [1, 2, 0.5] + 1e3
ASKED = RANDOM.normal(size=(60, 3)) * [1, 2, 0.5] + 1e3


def test_it_is_minus_the_log_of_scikit_learns_density():
    theirs = Theirs(bandwidth=0.4).fit(ROWS - 1e3).score_samples(ASKED - 1e3)
    found = KernelDensity(0.4, scale="none").fit(ROWS).score_samples(ASKED)
    np.testing.assert_allclose(found, theirs, rtol=1e-7)


def test_hidden_coordinates_are_integrated_out_and_hidden_entries_are_their_columns():
    rows = np.where(RANDOM.random((7, 2)) < 0.3, np.nan, RANDOM.normal(size=(7, 2)))
    rows[0] = 0.3, np.nan
    rows[1] = -0.2, 0.4
    energy = Parzen(torch.from_numpy(rows), 0.5)
    mean, deviation = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
    y = np.array([0.2, -0.7])
    kernels = np.where(
        np.isnan(rows), stats.norm.pdf(y, mean, deviation), stats.norm.pdf(y, rows, 0.5)
    )
    whole = energy(torch.from_numpy(y[None]))
    np.testing.assert_allclose(float(whole), -np.log(kernels.prod(axis=1).mean()), rtol=1e-10)
    half = torch.tensor([[0.2, torch.nan]], dtype=torch.float64)
    view = energy.restricted(~half.isnan())
    np.testing.assert_allclose(float(view(half)), -np.log(kernels[:, 0].mean()), rtol=1e-10)

    def density(at):
        return float(torch.exp(-energy(torch.tensor([[0.2, at]], dtype=torch.float64))))

    np.testing.assert_allclose(
        float(torch.exp(-view(half))), integrate.quad(density, -12, 12, limit=200)[0], rtol=1e-6
    )
    nothing = torch.full((1, 2), torch.nan, dtype=torch.float64)
    assert float(energy.restricted(~nothing.isnan())(nothing)) == pytest.approx(0, abs=1e-12)


def test_a_row_that_is_apart_does_not_explain_itself():
    rows = torch.from_numpy(ROWS[:40])
    apart = Parzen(rows, 0.5, apart=True)
    without = [Parzen(rows[torch.arange(40) != i], 0.5)(rows[i : i + 1]) for i in range(40)]
    torch.testing.assert_close(apart(rows), torch.cat(without), rtol=1e-9, atol=1e-9)
    new = torch.from_numpy(ASKED)
    torch.testing.assert_close(apart(new), Parzen(rows, 0.5)(new), rtol=1e-12, atol=0)
    # of two that are alike each counts the other
    twice = torch.cat([rows, rows[:1]])
    torch.testing.assert_close(
        Parzen(twice, 0.5, apart=True)(rows[:1]), Parzen(rows, 0.5)(rows[:1]), rtol=1e-9, atol=0
    )


def test_the_bandwidth_is_the_likeliest_by_leaving_out():
    rows = torch.from_numpy(ROWS[:150])
    found = best_bandwidth(rows)

    def cost(h):
        return float(Parzen(rows, h, apart=True)(rows).mean())

    assert cost(found) <= min(cost(h) for h in found * np.geomspace(0.5, 2, 21)) + 1e-4
    # rows that are there twice would have any kernel as narrow as it can be
    assert best_bandwidth(torch.cat([rows, rows])) > 0.5 * found
    assert best_bandwidth(torch.ones(30, 2)) > 0


def test_means_and_draws_of_what_is_hidden_are_those_of_the_kernels():
    rows = torch.tensor([[0.0, 0.0], [3.0, 5.0], [3.5, 9.0]], dtype=torch.float64)
    energy, y = Parzen(rows, 0.7), torch.tensor([[3.1, torch.nan]], dtype=torch.float64)
    view = energy.restricted(~y.isnan())
    share = stats.norm.pdf(3.1, rows[:, 0], 0.7)
    share /= share.sum()
    np.testing.assert_allclose(view.expect(y)[0, 1], share @ rows[:, 1].numpy(), rtol=1e-10)
    drawn = view.draw_fillings(y, 4000, torch.Generator().manual_seed(0))[:, 0]
    assert (drawn[:, 0] == 3.1).all()

    def cdf(at):
        return share @ stats.norm.cdf(np.asarray(at)[None], rows[:, 1, None].numpy(), 0.7)

    assert stats.kstest(drawn[:, 1].numpy(), cdf).pvalue > 1e-3
    assert view.fillings(y)[0, 0].tolist() == [3.0, 5.0]


def test_draws_follow_the_density():
    rows = torch.tensor([[0.0, 1.0], [4.0, torch.nan], [4.0, 3.0]], dtype=torch.float64)
    drawn = Parzen(rows, 0.5).draw(6000, torch.Generator().manual_seed(1))

    def first(at):
        return stats.norm.cdf(np.asarray(at)[:, None], rows[:, 0].numpy(), 0.5).mean(axis=1)

    def second(at):
        each = [stats.norm.cdf(at, 1, 0.5), stats.norm.cdf(at, 2, 1), stats.norm.cdf(at, 3, 0.5)]
        return np.mean(each, axis=0)

    assert stats.kstest(drawn[:, 0].numpy(), first).pvalue > 1e-3
    assert stats.kstest(drawn[:, 1].numpy(), second).pvalue > 1e-3


def test_it_is_an_estimator_like_others(tmp_path):
    rows = np.where(RANDOM.random(ROWS.shape) < 0.1, np.nan, ROWS)
    rows = rows[~np.isnan(rows).all(axis=1)]
    model = KernelDensity(random_state=0).fit(rows)
    assert model.score(ASKED) > model.score(ASKED + 3)
    model.save(tmp_path / "m.safetensors")
    again = thalweg.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.energy(rows), model.energy(rows))
    np.testing.assert_array_equal(again.sample(5, random_state=1), model.sample(5, random_state=1))
    lower, upper = model.complete(rows, interval=0.9, random_state=0)
    assert (upper - lower)[np.isnan(rows)].min() > 0
    with pytest.raises(InputError, match="bandwidth must be"):
        KernelDensity(0.0).fit(rows)
    with pytest.raises(InputError, match="Parzen: bandwidth must be above 0"):
        Parzen(torch.zeros(2, 2), 0.0)
