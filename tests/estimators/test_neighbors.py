"""Distances to neighbours: held to scikit-learn's, hidden entries too."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import nan_euclidean_distances
from sklearn.neighbors import NearestNeighbors

import thalweg
from thalweg.core import InputError
from thalweg.energies import Manhattan, NeighborDistance
from thalweg.estimators import KMeans, Neighbors

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(500, 6)) + 1e4
ASKED = RANDOM.normal(size=(70, 6)) + 1e4


@pytest.mark.parametrize("metric", ["manhattan", "euclidean"])
@pytest.mark.parametrize("k", [1, 7, 500])
def test_it_is_the_mean_distance_of_the_nearest(k, metric):
    # without the offset, whose digits the reference loses
    theirs = NearestNeighbors(n_neighbors=k, metric=metric).fit(ROWS - 1e4)
    expected = theirs.kneighbors(ASKED - 1e4)[0].mean(axis=1)
    found = Neighbors(n_neighbors=k, metric=metric, scale="none").fit(ROWS).energy(ASKED)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("few", [1, 70])
def test_hidden_entries_count_in_sums_as_the_visible_do_in_the_mean(few):
    # few rows are summed by torch, many by a compiled loop
    rows, asked = (np.where(RANDOM.random(each.shape) < 0.25, np.nan, each)
                   for each in (ROWS, ASKED[:few]))  # fmt: skip
    rows, asked = (each[~np.isnan(each).all(axis=1)] for each in (rows, asked))
    every = np.full((len(asked), len(rows)), np.nan)
    for i, j in np.ndindex(every.shape):
        gaps = abs(asked[i] - rows[j])
        if not np.isnan(gaps).all():
            every[i, j] = 6 * np.nanmean(gaps)
    mean = np.nansum(np.nanmean(abs(rows[:, None] - rows[None]), axis=(0, 1)))
    every = np.sort(np.where(np.isnan(every), mean, every), axis=1)[:, :25].mean(axis=1)
    model = Neighbors(n_neighbors=25, scale="none").fit(rows)
    np.testing.assert_allclose(model.energy(asked), every, rtol=1e-9)
    y, whole = torch.from_numpy(asked), model.energy_
    view = whole.restricted(~y.isnan())
    slope = view.value_and_gradient(y)[1]
    # the compiled loop and the one with a graph agree
    with torch.enable_grad():
        again = view(y.nan_to_num().requires_grad_())
    np.testing.assert_allclose(again.detach(), every, rtol=1e-9)
    assert slope.nan_to_num().isfinite().all()


def test_a_row_that_is_apart_does_not_explain_itself():
    rows = torch.from_numpy(RANDOM.normal(size=(40, 3)))
    for k in (1, 5, 39, 40):
        energy = NeighborDistance(rows, k, Manhattan(), apart=True)
        without = [
            NeighborDistance(rows[torch.arange(40) != i], min(k, 39), Manhattan())(rows[i : i + 1])
            for i in range(40)
        ]
        torch.testing.assert_close(energy(rows), torch.cat(without))
        other = rows[:1] + 0.01
        torch.testing.assert_close(energy(other), NeighborDistance(rows, k, Manhattan())(other))


def test_rows_that_do_not_count_explain_nothing():
    rows = torch.from_numpy(RANDOM.normal(size=(40, 3)))
    counts = torch.arange(40) % 3 > 0
    some = NeighborDistance(rows, 4, Manhattan(), counts=counts)
    torch.testing.assert_close(some(rows), NeighborDistance(rows[counts], 4, Manhattan())(rows))
    holed = rows.clone()
    holed[:, 1] = torch.nan
    seen = ~holed.isnan()
    filled = some.restricted(seen).fillings(holed)
    expected = NeighborDistance(rows[counts], 4, Manhattan()).restricted(seen).fillings(holed)
    torch.testing.assert_close(filled, expected)


def test_hidden_entries_count_as_the_visible_do_in_the_mean():
    rows, asked = (np.where(RANDOM.random(each.shape) < 0.25, np.nan, each)
                   for each in (ROWS, ASKED))  # fmt: skip
    rows, asked = (each[~np.isnan(each).all(axis=1)] for each in (rows, asked))
    model = Neighbors(0.05, metric="euclidean", scale="none").fit(rows)
    assert model.k_ == round(0.05 * len(rows))
    every = nan_euclidean_distances(asked - 1e4, rows - 1e4)
    every = np.sort(np.where(np.isnan(every), np.inf, every), axis=1)
    np.testing.assert_allclose(model.energy(asked), every[:, : model.k_].mean(axis=1), rtol=1e-9)


def test_one_neighbour_is_kmeans_with_a_point_for_each_row():
    points = KMeans(500, init=ROWS, max_iter=1).fit(ROWS).energy(ASKED)
    np.testing.assert_allclose(
        Neighbors(n_neighbors=1, metric="euclidean", scale="none").fit(ROWS).energy(ASKED) ** 2,
        points,
    )


def test_rows_that_coincide_are_at_distance_0():
    rows = np.repeat(ROWS[:3], 4, axis=0)
    np.testing.assert_array_equal(Neighbors(n_neighbors=4).fit(rows).energy(ROWS[:3]), 0)
    y = torch.from_numpy(ROWS[:2])
    slope = NeighborDistance(torch.from_numpy(rows), 4).value_and_gradient(y)[1]
    assert slope.isfinite().all()


def test_gaps_are_filled_from_the_nearest():
    t = RANDOM.random(800)
    curve = np.column_stack([np.cos(6 * t), np.sin(6 * t), t]) + 0.01 * RANDOM.normal(size=(800, 3))
    model = Neighbors(n_neighbors=5).fit(curve[:700])
    holed = curve[700:].copy()
    holed[:, 1] = np.nan
    for answer in ("lowest", "mean"):
        filled = model.complete(holed, answer)
        assert np.sqrt(np.mean((filled[:, 1] - curve[700:, 1]) ** 2)) < 0.1


def test_a_share_sees_anomalies_that_explain_one_another():
    rows = np.concatenate([RANDOM.normal(size=(950, 4)), 6 + 0.05 * RANDOM.normal(size=(50, 4))])
    odd = np.arange(1000) >= 950
    share = roc_auc_score(odd, Neighbors().fit(rows).energy(rows))
    few = roc_auc_score(odd, Neighbors(n_neighbors=5).fit(rows).energy(rows))
    assert share > 0.99
    assert few < 0.5


def test_of_many_rows_each_is_as_likely_kept():
    rows = np.arange(6000.0)[:, None]
    model = Neighbors(max_rows=600, random_state=0, scale="none")
    for part in np.split(rows, 6):
        model.partial_fit(part)
    assert model.n_rows_ == 600
    kept = np.sort(model.energy_.rows.numpy()[:, 0])
    assert len(np.unique(kept)) == 600
    counts = np.histogram(kept, 6, (0, 6000))[0]
    # hypergeometric, or nearly: 100 of each part
    assert (abs(counts - 100) < 4 * np.sqrt(100 * 5 / 6 * 1.2)).all()


@pytest.mark.parametrize("k", [0, 4])
def test_neighbours_are_rows_that_there_are(k):
    with pytest.raises(InputError, match="k must be from 1 to 3"):
        NeighborDistance(torch.zeros(3, 2), k)


def test_columns_compare_whatever_their_units():
    rows, asked = ROWS - 1e4, ASKED - 1e4
    widths = np.array([1, 10, 1e3, 1e-3, 5, 0.1])
    near, far = Neighbors().fit(rows), Neighbors().fit(rows * widths)
    np.testing.assert_allclose(near.energy(asked), far.energy(asked * widths), rtol=1e-9)


def test_what_is_beyond_all_numbers_is_not_near():
    rows = RANDOM.normal(size=(60, 3))
    rows[np.arange(60), np.arange(60) % 3] = np.nan
    model = Neighbors(n_neighbors=3, scale="none").fit(rows)
    assert (model.energy([[1e200] * 3, [1e160] * 3]) > 1e100).all()


@pytest.mark.parametrize("gap", [False, True])
def test_a_far_row_spoils_no_other(gap):
    rows = RANDOM.normal(size=(80, 4))
    rows[0] = 1e10
    if gap:
        rows[3, 2] = np.nan
    found = Neighbors(n_neighbors=3, metric="euclidean", scale="none").fit(rows).energy(rows)
    away = rows[:, None] - rows[None]
    squares = np.nansum(away**2, axis=2) * 4 / (~np.isnan(away)).sum(axis=2)
    expected = np.sqrt(np.sort(squares, axis=1)[:, :3]).mean(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_rows_that_say_nothing_are_not_learned_from():
    model = Neighbors(n_neighbors=5, random_state=0).fit(RANDOM.normal(size=(200, 3)))
    far = model.energy([[1e3] * 3])
    silent = np.full((200, 3), np.nan)
    np.testing.assert_array_equal(model.partial_fit(silent).energy([[1e3] * 3]), far)
    assert model.n_rows_ == 200


def test_a_reservoir_keeps_old_rows_and_new_ones_alike():
    old, new = 0, 0
    for seed in range(400):
        model = Neighbors(max_rows=10, random_state=seed, scale="none")
        model.fit(np.arange(9.0)[:, None]).partial_fit(np.arange(9.0, 12)[:, None])
        kept = model.energy_.rows[:, 0]
        old, new = old + int((kept < 9).sum()), new + int((kept >= 9).sum())
    for count, rows in ((old, 9), (new, 3)):
        share = count / (400 * rows)
        assert abs(share - 10 / 12) < 4 * np.sqrt(10 / 12 * 2 / 12 / (400 * rows))


def test_distances_far_below_the_lengths_of_rows_are_right():
    side = np.where(np.arange(60) % 2, 1e5, -1e5)[:, None]
    rows = side + 1e-4 * RANDOM.normal(size=(60, 3))
    away = np.sqrt(((rows[:, None] - rows[None]) ** 2).sum(axis=2))
    expected = np.sort(away, axis=1)[:, :4].mean(axis=1)
    found = Neighbors(n_neighbors=4, metric="euclidean", scale="none").fit(rows).energy(rows)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_codes_are_the_training_rows_that_are_near(tmp_path):
    rows = RANDOM.normal(size=(60, 3))
    rows[7] = np.nan
    model = Neighbors(n_neighbors=3, scale="none").fit(rows)
    theirs = NearestNeighbors(n_neighbors=3, metric="manhattan").fit(np.delete(rows, 7, axis=0))
    expected = theirs.kneighbors(ASKED[:9, :3] - 1e4)[1]
    expected = expected + (expected >= 7)
    found = model.transform(ASKED[:9, :3] - 1e4)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(model.inverse_transform(found), rows[expected].mean(axis=1))
    # of many rows some are kept, whose numbers are theirs
    few = Neighbors(n_neighbors=2, max_rows=20, scale="none", random_state=0).fit(rows[8:])
    z = few.transform(rows[8:])
    assert set(z.ravel()) <= set(few.kept_)
    assert len(few.kept_) == 20
    few.partial_fit(rows[8:30] + 50)
    z = few.transform(rows[8:30] + 50)[:, 0]
    assert z.max() >= 52
    near = z[z >= 52].astype(int)
    np.testing.assert_array_equal(
        few.inverse_transform(np.stack([near, near], axis=1)), rows[near - 52 + 8] + 50
    )
    few.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(thalweg.load(tmp_path / "m.safetensors").kept_, few.kept_)
    with pytest.raises(InputError, match="numbers of rows that are kept"):
        few.inverse_transform([[0.5, 1]])


@pytest.mark.parametrize("metric", ["manhattan", "euclidean"])
@pytest.mark.parametrize("hidden", [0, 0.15])
def test_parts_left_out_all_at_once_are_those_left_out_one_by_one(metric, hidden):
    rows = RANDOM.normal(size=(300, 5))
    # next to it nothing is left of a sum
    rows[3, 2] = 1e13
    asked = np.where(RANDOM.random((40, 5)) < hidden, np.nan, rows[:40])
    asked[3, 2] = 1e13
    # training rows with one other cell, of which nothing is left without it
    asked[10:20, 0] += 10
    asked[20:30, 2] += 1e4
    asked = asked[~np.isnan(asked).all(axis=1)]
    model = Neighbors(n_neighbors=7, metric=metric, scale="none").fit(rows)
    y, energy = torch.from_numpy(asked), model.energy_
    parts = [slice(0, 2), slice(2, 3), slice(3, 5)]
    energies, usual = energy.left_out(y, parts)
    for j, part in enumerate(parts):
        without = y.clone()
        without[:, part] = torch.nan
        view = energy.restricted(~without.isnan())
        torch.testing.assert_close(energies[:, j], view(without), rtol=1e-6, atol=1e-9)
        expected = view.expect(without)[:, part]
        torch.testing.assert_close(usual[:, part], expected, rtol=1e-9, atol=1e-9)
    whole = energy.restricted(~y.isnan())(y)
    said = model.explain(asked)
    each = np.array([energy.left_out(y, [slice(j, j + 1)])[0][:, 0].numpy() for j in range(5)]).T
    shares = np.where(np.isnan(asked), 0, whole.numpy()[:, None] - each)
    np.testing.assert_allclose(said.contribution, shares, rtol=1e-9, atol=1e-9)


def test_numbers_of_rows_count_those_that_show_nothing():
    rows = RANDOM.normal(size=(100, 2))
    rows[::2] = np.nan
    more = RANDOM.normal(size=(60, 2))
    more[5:50] = np.nan
    model = Neighbors(n_neighbors=1, max_rows=40, scale="none", random_state=0).fit(rows)
    model.partial_fit(more)
    every = np.vstack([rows, more])
    assert len(np.unique(model.kept_)) == 40
    np.testing.assert_array_equal(model.inverse_transform(model.kept_[:, None]), every[model.kept_])
