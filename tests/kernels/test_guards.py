"""No kernel reads or writes beyond an array that it is given: each is put between guard values."""

import numpy as np
import pytest
import torch

from thalweg.kernels import atoms, hidden_gaussian, lasso, least_without, moving, nearest, visible

GUARD = 64
KERNELS = [
    (atoms, "_pass"),
    (hidden_gaussian, "_conditionals"),
    (hidden_gaussian, "_sums"),
    (lasso, "_rows"),
    (least_without, "_least"),
    (moving, "_move_sums"),
    (moving, "reassign"),
    (nearest, "assign_by_scores"),
    (nearest, "assign_narrow"),
    (nearest, "energies"),
    (nearest, "settle"),
    (visible, "_keep_least"),
    (visible, "_write_all"),
    (visible, "settle"),
]


class Guarded:
    """A kernel whose arrays are copied to where guards are on both sides, and back."""

    def __init__(self, kernel, calls):
        self.kernel, self.calls = kernel, calls

    def __call__(self, *arguments):
        self.calls.append(self.kernel.__name__)
        pairs = []
        result = self.kernel(*[self.between_guards(each, pairs) for each in arguments])
        for array, buffer, size in pairs:
            guards = np.concatenate([buffer[:GUARD], buffer[GUARD + size :]])
            np.testing.assert_array_equal(guards, np.full_like(guards, guard_of(buffer.dtype)))
            if array.flags.writeable:
                array[...] = buffer[GUARD : GUARD + size].reshape(array.shape)
        return result

    def between_guards(self, value, pairs):
        if isinstance(value, tuple):
            return type(value)(*[self.between_guards(each, pairs) for each in value])
        if not isinstance(value, np.ndarray):
            return value
        buffer = np.full(value.size + 2 * GUARD, guard_of(value.dtype), value.dtype)
        buffer[GUARD : GUARD + value.size] = value.reshape(-1)
        pairs.append((value, buffer, value.size))
        return buffer[GUARD : GUARD + value.size].reshape(value.shape)


def guard_of(dtype):
    if dtype.kind == "f":
        return np.nan
    return True if dtype.kind == "b" else np.iinfo(dtype).max


@pytest.fixture
def calls(monkeypatch):
    calls = []
    for module, name in KERNELS:
        monkeypatch.setattr(module, name, Guarded(getattr(module, name), calls))
    # whole arrays are copied back: threads would undo what others have written
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield calls
    torch.set_num_threads(threads)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1.0, 1e15, 1e25, 1e-25])
@pytest.mark.parametrize(("n", "d", "k"), [(1, 1, 1), (67, 2, 3), (70, 17, 40), (131, 33, 90)])
def test_nearest_points(n, d, k, scale, dtype, calls):
    random = np.random.default_rng(0)
    y = (scale * random.normal(size=(n, d))).astype(dtype)
    points = (scale * random.normal(size=(k, d))).astype(dtype)
    y[-1] = points[-1]
    for rows, find in [(y, nearest.nearest), (with_hidden(y), visible.nearest_visible)]:
        label, energy = find(rows, points)
        squares = by_hand(rows, points)
        np.testing.assert_array_equal(label, squares.argmin(axis=1))
        with np.errstate(over="ignore"):
            least = squares.min(axis=1).astype(dtype)
        tiny = 100 * d * np.finfo(dtype).tiny
        np.testing.assert_allclose(energy, least, rtol=4 * d * np.finfo(dtype).eps, atol=tiny)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(
            visible.all_distances(with_hidden(y), points).T,
            by_hand(with_hidden(y), points).astype(dtype),
            rtol=4 * d * np.finfo(dtype).eps, atol=tiny,
        )  # fmt: skip
    moving_points = moving.MovingNearest(y, k)
    for step in (0.1, 0.01, 0.001, 0.0001, 0.0):
        moving_points.assign(points)
        np.testing.assert_array_equal(moving_points.label, by_hand(y, points).argmin(axis=1))
        points = (points + step * scale * random.normal(size=points.shape)).astype(dtype)
    wanted = {"energies", "_keep_least", "_write_all", "_move_sums"}
    wanted.add("assign_narrow" if d <= 16 else "assign_by_scores")
    assert wanted <= set(calls)


def test_bounds(calls):
    random = np.random.default_rng(0)
    y = random.normal(size=(500, 33)).astype(np.float32)
    points = y[:50].copy()
    near = moving.MovingNearest(y, 50)
    for _ in range(6):
        near.assign(points)
        np.testing.assert_array_equal(near.label, by_hand(y, points).argmin(axis=1))
        points += np.float32(0.01) * random.normal(size=points.shape).astype(np.float32)
    assert calls.count("reassign") > 2


@pytest.mark.parametrize("scale", [1.0, 1e200, np.nan])
def test_sparse_codes(calls, scale):
    random = np.random.default_rng(0)
    dictionary = random.normal(size=(37, 20))
    y = random.normal(size=(50, 20)) * np.where(np.arange(50) % 2, 1, scale)[:, None]
    with np.errstate(over="ignore"):
        codes, gap = lasso.lasso(
            dictionary @ dictionary.T, y @ dictionary.T, 0.5 * (y**2).sum(1), 0.5, False, 1e-10
        )
    ordinary = slice(None) if scale == 1 else np.arange(50) % 2 == 1
    assert np.isfinite(codes[ordinary]).all()
    assert (gap[ordinary] < 1e-8).all()
    assert calls == ["_rows"] * len(calls) != []


@pytest.mark.parametrize(("n", "d", "k"), [(1, 2, 1), (300, 7, 5)])
def test_hidden_entries_of_normal_components(n, d, k, calls):
    random = np.random.default_rng(0)
    y, means = random.normal(size=(n, d)), random.normal(size=(k, d))
    y[random.random(y.shape) < 0.3] = np.nan
    factors = np.tril(random.normal(size=(k, d, d))) + 3 * np.eye(d)
    energies, filled = hidden_gaussian.conditionals(y, np.zeros(k), means, factors)
    assert np.isfinite(energies).all()
    seen = ~np.isnan(y)
    assert all(np.array_equal(each[seen], y[seen]) for each in filled)
    counts, *_ = hidden_gaussian.expected_sums(
        y, np.ones(n), np.zeros(k), means, factors, means, 1.0
    )
    assert counts.sum() == pytest.approx(n)
    assert set(calls) == {"_conditionals", "_sums"}


def test_nearest_rows_without_a_coordinate(calls):
    random = np.random.default_rng(0)
    y, rows = random.normal(size=(37, 5)), random.normal(size=(90, 5))
    sums = abs(y[:, None] - rows).sum(axis=2)
    for k in (1, 20, 90):
        cut = np.partition(sums, k - 1, axis=1)[:, k - 1]
        left_out = np.arange(5) == 2
        values, which = least_without.least_without(sums, cut, y, rows, left_out, k, False, 1e-6)
        rest = abs(y[:, None] - rows)[:, :, ~left_out].sum(axis=2)
        np.testing.assert_allclose(np.take_along_axis(rest, which, 1), values)
    assert "_least" in calls


def with_hidden(y):
    hidden = y.copy()
    hidden[::3, : y.shape[1] // 2] = np.nan
    return hidden


def by_hand(y, points):
    with np.errstate(over="ignore"):
        return np.nansum((y[:, None].astype(np.float64) - points.astype(np.float64)) ** 2, axis=2)
