import numpy as np
import pytest

from thalweg.kernels.moving import MovingNearest, neighbours_together
from thalweg.kernels.nearest import nearest

SIZES = [(1, 1, 1), (7, 2, 3), (500, 3, 33), (1000, 40, 70), (321, 64, 16), (200, 17, 129)]


def by_hand(y, points):
    squares = ((y[:, None].astype(np.float64) - points[None]) ** 2).sum(-1)
    return squares.argmin(1), squares.min(1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "d", "k"), SIZES)
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_nearest_is_the_least_squared_distance(n, d, k, dtype, offset):
    random = np.random.default_rng(n)
    y = (random.normal(size=(n, d)) + offset).astype(dtype)
    points = (random.normal(size=(k, d)) + offset).astype(dtype)
    label, energy = nearest(y, points)
    _, least = by_hand(y, points)
    chosen = ((y.astype(np.float64) - points[label]) ** 2).sum(1)
    # two points whose scores agree to rounding may be taken for one another
    slack = (d + 2) * np.finfo(dtype).eps * (1 + np.abs(y - y.mean(0)).max() ** 2 * d)
    np.testing.assert_allclose(chosen, least, atol=4 * slack)
    np.testing.assert_allclose(energy, chosen, rtol=d * np.finfo(dtype).eps, atol=slack)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 5, 700])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_spoils_no_other(n, value, dtype):
    random = np.random.default_rng(0)
    y, points = random.normal(size=(n, 6)).astype(dtype), random.normal(size=(40, 6)).astype(dtype)
    spoiled = y.copy()
    spoiled[::4, 1] = value
    (label, energy), (before, least) = nearest(spoiled, points), nearest(y, points)
    good = np.arange(n) % 4 > 0
    np.testing.assert_array_equal(label[good], before[good])
    np.testing.assert_array_equal(energy[good], least[good])
    assert ((label >= 0) & (label < 40)).all()
    assert not np.isfinite(energy[~good]).any()


@pytest.mark.parametrize("points", [np.zeros((3, 4)), np.zeros((3, 2), np.float32)])
def test_points_of_another_form_are_refused(points):
    with pytest.raises(ValueError, match="expected as many columns, of one type"):
        nearest(np.zeros((9, 2)), points)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "d", "k"), [(900, 40, 70), (700, 2, 9), (650, 100, 300)])
def test_bounds_never_change_the_answer(n, d, k, dtype):
    random = np.random.default_rng(0)
    y = random.normal(size=(n, d)).astype(dtype)
    points = y[random.choice(n, k, replace=False)].copy()
    weight = random.random(n)
    moving = MovingNearest(y, k, weight)
    for size in [1.0, 0.3, 0.1, 0.03, 0.01, 0.01, 0.3, 0.001, 0.0]:
        moving.assign(points)
        _, least = by_hand(y, points)
        chosen = ((y.astype(np.float64) - points[moving.label]) ** 2).sum(1)
        np.testing.assert_allclose(chosen, least, rtol=4 * d * np.finfo(dtype).eps)
        one_hot = np.eye(k)[moving.label] * weight[:, None]
        np.testing.assert_allclose(moving.sums, one_hot.T @ y.astype(np.float64), atol=1e-9)
        np.testing.assert_allclose(moving.counts, one_hot.sum(0), atol=1e-9)
        points += (size * random.normal(size=(k, d)) / np.sqrt(d)).astype(dtype)


def test_rows_that_leave_a_point_can_come_back():
    random = np.random.default_rng(0)
    y = random.normal(size=(2000, 40))
    points = y[:90].copy()
    moving = MovingNearest(y, 90)
    for _ in range(60):
        moving.assign(points)
        _, least = by_hand(y, points)
        chosen = ((y - points[moving.label]) ** 2).sum(1)
        np.testing.assert_allclose(chosen, least, rtol=1e-12)
        # one point at a time steps aside and back, so that most bounds hold
        one = random.integers(90)
        points = y[:90].copy()
        points[one] += 0.5 * random.normal(size=40)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_point_that_a_row_has_just_left_is_remembered_as_near(dtype):
    """Rows between two far groups of points go to and fro, while nothing else moves at all.

    Only what is noted when a row leaves its point says that the point is still the next one.
    """
    random = np.random.default_rng(0)
    d, group = 40, 48
    axis = np.eye(d)[0]
    # all around each end of the axis, and behind it
    around = random.normal(size=(2, group, d)) * 3
    around[:, :, 0] = abs(around[:, :, 0]) + 12
    around[1, :, 0] *= -1
    points = np.concatenate([[5 * axis], around[0], [-5 * axis], around[1]]).astype(dtype)
    between = 0.01 * random.normal(size=(60, d)) * (np.arange(d) > 0)
    settled = points[random.integers(0, len(points), 3000)] + 0.1 * random.normal(size=(3000, d))
    y = np.concatenate([between, settled]).astype(dtype)
    moving = MovingNearest(y, len(points))
    for step in (0.0, 0.0, 0.0, 0.05, -0.05, 0.05, -0.05, 0.02, -0.02, 0.1, -0.1, 0.0, 0.05):
        points[0, 0] = 5 + step
        moving.assign(points)
        label, _ = by_hand(y, points)
        if step:
            assert set(label[:60]) == {0 if step < 0 else group + 1}
            np.testing.assert_array_equal(moving.label, label)


def test_any_number_of_threads_gives_the_same_bits():
    import torch

    random = np.random.default_rng(0)
    y = random.normal(size=(3000, 50)).astype(np.float32)
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            moving, points = MovingNearest(y, 20), y[:20]
            for _ in range(8):
                moving.assign(points)
                points = (moving.sums / moving.counts[:, None]).astype(np.float32)
            results.append((points, moving.label))
    finally:
        torch.set_num_threads(threads)
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_neighbours_together_is_an_order_of_all_points():
    points = np.random.default_rng(0).normal(size=(77, 3))
    assert sorted(neighbours_together(points, 16)) == list(range(77))


def test_a_far_row_that_goes_leaves_no_rounding_in_the_sums():
    y = np.random.default_rng(0).normal(size=(90, 2))
    y[0] = 1e17
    moving = MovingNearest(y, 2)
    moving.assign(np.array([[0.0, 0.0], [-1.0, -1e18]]))
    assert moving.label[0] == 0
    moving.assign(np.array([[0.0, 0.0], [1e17, 1e17]]))
    assert moving.label.tolist() == [1] + 89 * [0]
    np.testing.assert_allclose(moving.sums, [y[1:].sum(axis=0), y[0]], rtol=1e-12)
