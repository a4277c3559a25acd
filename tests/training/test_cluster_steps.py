"""Where K-means starts and what its steps count: rows by their weight, visible entries alone."""

import math

import numpy as np
import pytest
import torch

from thalweg.core import Batch
from thalweg.data import Rows
from thalweg.energies import Affine, Reconstruction
from thalweg.estimators import KMeans
from thalweg.latents import Exhaustive, FreeEnergy, OneHot
from thalweg.training.minibatch import MiniBatchStep
from thalweg.training.seeding import plus_plus, random_rows

STARTS = {"k-means++": plus_plus, "random": random_rows}


def starts(name, rows, k, weight, seeds):
    """The first columns of where points start, for each of many seeds: (seeds, k)."""
    rows = Rows(np.asarray(rows))
    drawn = [
        STARTS[name](rows, k, weight, torch.Generator().manual_seed(seed))[:, 0]
        for seed in range(seeds)
    ]
    return np.array(drawn)


@pytest.mark.parametrize("name", STARTS)
def test_rows_without_weight_are_no_start(name):
    rows = np.array([[0.0], [1.0], [2.0], [1000.0], [2000.0]])
    drawn = starts(name, rows, 3, np.array([1.0, 2.0, 1.0, 0.0, 0.0]), 20)
    assert (np.sort(drawn, axis=1) == [0.0, 1.0, 2.0]).all()


@pytest.mark.parametrize("name", STARTS)
def test_the_first_start_is_as_likely_as_its_weight(name):
    weight, n = np.array([1.0, 2.0, 5.0]), 2000
    drawn = starts(name, [[0.0], [1.0], [2.0]], 1, weight, n)[:, 0]
    share, expected = np.bincount(drawn.astype(int), minlength=3) / n, weight / weight.sum()
    assert (abs(share - expected) < 4.5 * np.sqrt(expected * (1 - expected) / n)).all()


def test_the_next_start_is_drawn_by_weight_and_distance():
    # the first start is the row with nearly all weight; then 1 and -3 weigh 9.9 and 9, squared
    # distances counted; two are drawn, and 1 is kept if among them, for it leaves less energy
    rows, n = np.array([[0.0], [1.0], [-3.0]]), 2000
    drawn = starts("k-means++", rows, 2, np.array([1e9, 9.9, 1.0]), n)[:, 1]
    assert set(drawn) == {1.0, -3.0}
    expected = 1 - (9 / 18.9) ** 2
    error = math.sqrt(expected * (1 - expected) / n)
    assert abs((drawn == 1.0).mean() - expected) < 4.5 * error


def holed(n=60, d=3):
    random = np.random.default_rng(0)
    place = np.repeat([[0.0], [8.0]], n // 2, axis=0)
    y = place + random.normal(size=(n, d))
    y[random.random((n, d)) < 0.3] = np.nan
    y[np.isnan(y).all(axis=1), 0] = 4.0
    return y, random.uniform(0.2, 3.0, n)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("algorithm", ["lloyd", "minibatch"])
def test_centers_are_means_of_what_is_visible(algorithm, weighted):
    y, weight = holed()
    w = weight if weighted else np.ones(len(y))
    model = KMeans(
        2, init=np.array([[0.0] * 3, [8.0] * 3]), algorithm=algorithm, batch_size=len(y),
        max_iter=1 if algorithm == "minibatch" else 50,
    ).fit(y, sample_weight=weight if weighted else None)  # fmt: skip
    for cluster in range(2):
        inside = model.labels_ == cluster
        seen = ~np.isnan(y[inside]) * w[inside, None]
        mean = (np.nan_to_num(y[inside]) * seen).sum(axis=0) / seen.sum(axis=0)
        np.testing.assert_allclose(model.cluster_centers_[cluster], mean, rtol=1e-9)
    apart = np.nansum((y - model.cluster_centers_[model.labels_]) ** 2, axis=1)
    assert model.inertia_ == pytest.approx(w @ apart)


@pytest.mark.parametrize("hidden", [False, True])
def test_at_a_temperature_centers_are_means_by_responsibility(hidden):
    y, weight = holed()
    y = y if hidden else np.nan_to_num(y, nan=1.0)
    beta = 0.05
    model = KMeans(2, init=np.array([[0.0] * 3, [8.0] * 3]), beta=beta, max_iter=1).fit(
        y, sample_weight=weight
    )
    each = np.nansum((y - np.array([0.0, 8.0])[:, None, None]) ** 2, axis=2)
    mass = np.exp(-beta * each)
    share = mass / mass.sum(axis=0) * weight
    seen = ~np.isnan(y)
    expected = (share @ np.nan_to_num(y)) / (share @ seen)
    np.testing.assert_allclose(model.cluster_centers_, expected, rtol=1e-9)


def test_a_batch_moves_points_by_the_share_it_has_of_all_they_have_seen():
    points = torch.tensor([[0.0, 0.0], [10.0, 10.0]], dtype=torch.float64)
    energy = FreeEnergy(Reconstruction(Affine(points), OneHot(2)), Exhaustive()).double()
    centers = energy.energy.decoder.weight
    step = MiniBatchStep(energy, centers)
    first = torch.tensor([[1.0, math.nan], [2.0, 3.0], [9.0, 9.0]], dtype=torch.float64)
    weight = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64)
    loss = step(Batch(first, weight=weight), torch.Generator())
    # from their start they go all the way
    torch.testing.assert_close(
        centers.detach(), torch.tensor([[5 / 3, 3.0], [9.0, 9.0]], dtype=torch.float64)
    )
    assert float(loss.value) == pytest.approx((1 * 1 + 2 * 13 + 2) / 4)
    step(Batch(torch.tensor([[3.0, 0.0]], dtype=torch.float64)), torch.Generator())
    expected = torch.tensor([[8 / 4, 6 / 3], [9.0, 9.0]], dtype=torch.float64)
    torch.testing.assert_close(centers.detach(), expected)


def test_an_empty_cluster_with_hidden_entries_takes_a_row_and_its_old_one_gives_it_up():
    y = np.array([[0.0, 0.0], [1.0, np.nan], [2.0, 3.0], [9.0, np.nan]])
    weight = np.array([1.0, 2.0, 1.0, 0.5])
    model = KMeans(2, init=np.array([[1.0, 1.0], [500.0, 500.0]]), max_iter=1).fit(
        y, sample_weight=weight
    )
    # of the row that is farthest nothing is left in the mean of the others
    np.testing.assert_allclose(model.cluster_centers_, [[1.0, 1.5], [9.0, 500.0]])


def test_the_loss_of_a_step_is_the_mean_energy_before_it():
    y = np.array([[0.0], [1.0], [6.0], [10.0]])
    weight = np.array([1.0, 3.0, 1.0, 1.0])
    for rows in (y, np.concatenate([y, y], axis=1)):
        rows = rows.copy()
        if rows.shape[1] == 2:
            rows[:, 1] = np.nan
            rows[0, 1] = 0.0
        start = np.zeros((2, rows.shape[1]))
        start[1] = 8.0
        history = KMeans(2, init=start, max_iter=2).fit(rows, sample_weight=weight).history_
        # 0 and 8, then the means .75 and 8
        first = (0 + 3 * 1 + 4 + 4) / 6
        assert history.losses[0] == pytest.approx(first)
        assert history.losses[1] == pytest.approx((0.75**2 + 3 * 0.25**2 + 8) / 6)
        assert float(history.metrics[0]["shift"]) == pytest.approx(0.75**2)


def test_a_gradient_step_goes_its_share_of_the_way_to_the_mean():
    y = np.array([[0.0], [2.0], [8.0], [14.0]])
    # each point has half of the rows: of the way to 1 and 11 it goes three tenths
    model = KMeans(
        2, init=np.array([[0.0], [10.0]]), algorithm="gradient", learning_rate=0.3, batch_size=4,
        max_iter=1,
    ).fit(y)  # fmt: skip
    np.testing.assert_allclose(model.cluster_centers_, [[0.3], [10.3]])
