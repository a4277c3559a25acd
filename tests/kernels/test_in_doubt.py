"""Rows that single precision cannot tell: their point is that of differences in double."""

import numpy as np
import pytest

from thalweg.kernels.moving import MovingNearest
from thalweg.kernels.nearest import nearest


def exact(y, points):
    """The lowest index of a nearest point; single numbers' differences are exact in double."""
    return ((y[:, None].astype(np.float64) - points[None]) ** 2).sum(-1).argmin(1)


def between(random, points, n, size):
    """Rows all but half way between two points each: (n, d), in single precision."""
    one, other = points[random.integers(0, len(points), (2, n))]
    # the rest moves them along, where both are as far
    return (0.5 * (one + other) + size * random.normal(size=one.shape)).astype(np.float32)


@pytest.mark.parametrize("d", [2, 20])
def test_clusters_a_unit_apart_and_one_row_far_away(d):
    random = np.random.default_rng(0)
    points = random.integers(0, 3, (40, d)).astype(np.float32)
    points[-1] = 1e5
    y = np.concatenate([
        points[random.integers(0, 39, 500)] + 0.05 * random.normal(size=(500, d)), points[-1:],
    ]).astype(np.float32)  # fmt: skip
    label, energy = nearest(y, points)
    np.testing.assert_array_equal(label, exact(y, points))
    away = ((y.astype(np.float64) - points[label]) ** 2).sum(1)
    np.testing.assert_allclose(energy, away, rtol=1e-5)


@pytest.mark.parametrize("d", [3, 25])
def test_half_way_between_points_the_difference_decides(d):
    random = np.random.default_rng(1)
    points = (random.normal(size=(70, d)) + 10).astype(np.float32)
    y = between(random, points, 3000, 1e-7)
    np.testing.assert_array_equal(nearest(y, points)[0], exact(y, points))


@pytest.mark.parametrize("d", [3, 25, 40])
def test_of_equal_points_the_first_is_taken(d):
    random = np.random.default_rng(2)
    some = random.normal(size=(9, d)).astype(np.float32)
    points = some[[3, 1, 3, 4, 0, 1, 2, 5, 6, 7, 8, 3] * 4]
    y = (some[random.integers(0, 9, 300)] + 0.1 * random.normal(size=(300, d))).astype(np.float32)
    first = exact(y, points)
    np.testing.assert_array_equal(nearest(y, points)[0], first)
    moving = MovingNearest(y, len(points))
    moving.assign(points)
    np.testing.assert_allclose(points[moving.label], points[first])


def test_remembered_distances_decide_nothing_that_they_cannot():
    random = np.random.default_rng(3)
    points = (random.normal(size=(60, 40)) + 3).astype(np.float32)
    y = np.concatenate([between(random, points, 1500, 1e-7), points + np.float32(0.1)])
    moving = MovingNearest(y, 60)
    weight = np.ones(len(y))
    # most rows keep their point from the second call on, and so bounds are what is asked
    for step in (0.0, 0.0, 0.0, 1e-7, 0.0, 3e-7, 1e-6, 0.0, 1e-3, 1e-7, 0.0):
        points = (points + step * random.normal(size=points.shape)).astype(np.float32)
        moving.assign(points)
        label = exact(y, points)
        np.testing.assert_array_equal(moving.label, label)
        sums = (np.eye(60)[label] * weight[:, None]).T @ y.astype(np.float64)
        np.testing.assert_allclose(moving.sums, sums, rtol=1e-9, atol=1e-6)
        np.testing.assert_array_equal(moving.counts, np.bincount(label, minlength=60))


def test_a_far_point_that_comes_straight_at_a_row_is_seen():
    random = np.random.default_rng(4)
    d, axis = 40, np.eye(40)[0]
    here, there = 0.1 * random.normal(size=(2, 32, d))
    points = np.concatenate([here, there + 10 * axis])
    row = points[3] + 0.3 * np.eye(d)[5]
    y = np.concatenate([
        points[random.integers(0, 64, 3000)] + 0.02 * random.normal(size=(3000, d)),
        row + 0.01 * random.normal(size=(20, d)),
    ])  # fmt: skip
    moving = MovingNearest(y, 64)
    for _ in range(3):
        moving.assign(points)
    # all the way, then back by and by: nothing else moves
    for place in (row, row + 0.2 * axis, row, row + 5 * axis, row):
        points[50] = place
        moving.assign(points)
        np.testing.assert_array_equal(moving.label, exact(y, points))
