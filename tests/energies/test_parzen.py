"""Kernels around rows: held to scikit-learn's, to a mixture, and to themselves."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import integrate, stats
from sklearn.neighbors import KernelDensity as Theirs

import thalweg
from thalweg.core import InputError, Layout
from thalweg.energies import Parzen
from thalweg.estimators import KernelDensity
from thalweg.training.bandwidth import kernel_widths

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
    mean = np.nanmean(rows, axis=0)
    deviation = np.sqrt(np.nanvar(rows, axis=0) + 0.5**2)
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


def test_a_whole_row_that_is_apart_does_not_explain_itself():
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
    # a part of a row may be any row's
    half = rows[:5].clone()
    half[:, 1] = torch.nan
    seen = ~half.isnan()
    torch.testing.assert_close(
        apart.restricted(seen)(half), Parzen(rows, 0.5).restricted(seen)(half)
    )
    # of one row nothing would be left
    assert float(Parzen(rows[:1], 1.0, apart=True)(rows[:1])) == pytest.approx(
        1.5 * np.log(2 * np.pi)
    )


def test_the_bandwidth_is_the_likeliest_by_leaving_out():
    rows = torch.from_numpy(ROWS[:150])
    found, _ = kernel_widths(rows)

    def cost(h):
        return float(Parzen(rows, h, apart=True)(rows).mean())

    # a row that is far from all others may be left out
    assert cost(found) <= min(cost(h) for h in found * np.geomspace(0.5, 2, 21)) + 0.02
    # rows that are there twice would have any kernel as narrow as it can be
    assert kernel_widths(torch.cat([rows, rows]))[0] > 0.5 * found
    assert kernel_widths(torch.ones(30, 2))[0] > 0
    # a constant column says nothing of how far apart rows are, and is not known better where hidden
    wider = torch.cat([rows, torch.ones(150, 3, dtype=torch.float64)], dim=1)
    assert kernel_widths(wider)[0] == pytest.approx(found, rel=0.02)
    # two groups far apart, and numbers of few values
    apart = torch.from_numpy(np.r_[RANDOM.normal(size=(99, 1)), RANDOM.normal(size=(99, 1)) + 1e3])
    assert 0.1 < kernel_widths(apart)[0] < 1.5
    few = RANDOM.integers(0, 3, size=(300, 2)).astype(float)
    drawn = KernelDensity(scale="none").fit(few).sample(2000, random_state=0)
    assert np.std(drawn) == pytest.approx(np.std(few), rel=0.1)
    for far in (20.0, 1e4):
        odd = rows.clone()
        odd[0] += far
        assert kernel_widths(odd)[0] == pytest.approx(found, rel=0.1)


def test_a_constant_that_some_rows_hide_changes_nothing():
    numbers = RANDOM.normal(size=(200, 2))
    gone = np.where(RANDOM.random((200, 1)) < 0.2, np.nan, 1.0)
    plain = KernelDensity(scale="none").fit(numbers)
    model = KernelDensity(scale="none").fit(np.hstack([numbers, gone]))
    asked = np.hstack([ASKED[:, :2] - 1e3, np.ones((60, 1))])
    off = model.energy(asked) - plain.energy(asked[:, :2])
    np.testing.assert_allclose(off, off[0], atol=0.05)
    with pytest.raises(InputError, match="expected two or more"):
        KernelDensity().fit([[1.0, 2.0]])


def test_words_have_kernels_of_their_own():
    layout = Layout(4, ((1, 4),))
    rows = torch.tensor(
        [[0.0, 1, 0, 0], [2.0, 0, 1, 0], [2.5, torch.nan, torch.nan, torch.nan]]
    ).double()
    energy = Parzen(rows, 0.5, layout=layout, smoothing=0.2)
    p = np.array([1.5, 1.5, 0.5]) / 3.5
    words = np.array([0.8 * np.array([1, 0, 0]) + 0.2 * p, 0.8 * np.array([0, 1, 0]) + 0.2 * p, p])
    for word in range(3):
        y = torch.zeros(1, 4).double()
        y[0, 0], y[0, 1 + word] = 1.7, 1
        density = (stats.norm.pdf(1.7, [0, 2, 2.5], 0.5) * words[:, word]).mean()
        assert float(energy(y)) == pytest.approx(-np.log(density), rel=1e-9)
    gone = torch.full((1, 4), torch.nan, dtype=torch.float64)
    gone[0, 0] = 1.7
    view = energy.restricted(~gone.isnan())
    whole = stats.norm.pdf(1.7, [0, 2, 2.5], 0.5)
    assert float(view(gone)) == pytest.approx(-np.log(whole.mean()), rel=1e-9)
    share = whole / whole.sum() @ words
    np.testing.assert_allclose(view.expect(gone)[0, 1:], share, rtol=1e-9)
    drawn = view.draw_fillings(gone, 4000, torch.Generator().manual_seed(0))[:, 0, 1:]
    assert (drawn.sum(dim=1) == 1).all()
    wide = np.sqrt(share * (1 - share) / 4000)
    assert (abs(drawn.mean(dim=0).numpy() - share) < 4 * wide).all()


def test_numbers_and_words_together_are_likely_as_they_are():
    random = np.random.default_rng(0)

    def table(n):
        kind = random.choice(list("xyz"), n, p=[0.6, 0.3, 0.1])
        return pd.DataFrame({"kind": kind, "size": random.normal(size=n) + 2 * (kind == "x")})

    model = KernelDensity(scale="none").fit(table(600))
    new = table(600)
    usual = new["kind"].map({"x": 0.6, "y": 0.3, "z": 0.1})
    truth = np.log(usual) + stats.norm.logpdf(new["size"] - 2 * (new["kind"] == "x"))
    assert truth.mean() - 0.08 < model.score(new) < truth.mean() + 0.01
    # words alone are as usual as they are
    alone = KernelDensity().fit(new[["kind"]])
    share = np.exp(-alone.energy(pd.DataFrame({"kind": list("xyz")})))
    np.testing.assert_allclose(share, [(new["kind"] == k).mean() for k in "xyz"], atol=0.01)


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
        wide = np.sqrt(1 + 0.5**2)
        each = [stats.norm.cdf(at, 1, 0.5), stats.norm.cdf(at, 2, wide), stats.norm.cdf(at, 3, 0.5)]
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
