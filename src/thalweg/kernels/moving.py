"""Rows and the points nearest to them, while the points move: labels, sums and counts."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from thalweg.kernels import simd
from thalweg.kernels.bounds import Bounds, reassign, slack_of
from thalweg.kernels.nearest import find_nearest
from thalweg.kernels.threads import over_blocks
from thalweg.kernels.tiles import Tiles

BOUNDS_FROM = 32
"""Coordinates from which remembering a distance is cheaper than computing it again."""

SETTLED = 0.06
"""Share of rows that change their label, below which most bounds hold from call to call."""

MODERATE = 1e15
"""Coordinates, at most, for which distances are remembered: bounds are kept in short floats."""


@numba.njit(nogil=True, cache=True)
def _add(sums, lost, at, value):  # type: ignore[no-untyped-def]
    """Add to a sum, and what the sum rounded away to what it has lost (Knuth's two-sum)."""
    before = sums[at]
    after = before + value
    if lost is not None:
        part = after - before
        lost[at] += (before - (after - part)) + (value - part)
    sums[at] = after


@numba.njit(nogil=True, cache=True)
def _move_sums(y, d, weight, rows, was, now, sums, lost, first, last):  # type: ignore[no-untyped-def]
    for r in range(len(rows)):
        i = rows[r]
        w = 1.0 if weight is None else weight[r]
        if was[r] >= 0:
            for j in range(first, last):
                _add(sums, lost, was[r] * d + j, -w * y[i * d + j])
        for j in range(first, last):
            _add(sums, lost, now[r] * d + j, w * y[i * d + j])


def add_sums(
    y: NDArray[np.floating],
    weight: NDArray[np.float64],
    label: NDArray[np.integer],
    sums: NDArray[np.float64],
) -> None:
    """Add rows (n, d), weighted, to the sums (k, d) of the points with their labels."""
    n, d = y.shape
    rows, none, now = np.arange(n), np.full(n, -1, np.int32), label.astype(np.int32)
    flat = np.ascontiguousarray(y).reshape(-1)

    def columns(first: int, last: int) -> None:
        _move_sums(flat, d, weight, rows, none, now, sums.reshape(-1), None, first, last)

    over_blocks(columns, d, 8)


def neighbours_together(points: NDArray[np.floating], size: int) -> NDArray[np.int64]:
    """An order of points (k, d) in which each run of ``size`` lies close together.

    Halved along the coordinate of the largest spread until a part is one run.
    """

    def order(part: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        if len(part) <= size:
            return [part]
        axis = np.argmax(points[part].var(axis=0))
        ranked = part[np.argsort(points[part, axis], kind="stable")]
        half = size * (-(-len(part) // size) // 2)
        return order(ranked[:half]) + order(ranked[half:])

    return np.concatenate(order(np.arange(len(points))))


class MovingNearest:
    """The nearest of k moving points for every row of y (n, d).

    After ``assign(points)``, ``label`` (n,) holds positions in ``points``; ``sums`` (k, d) and
    ``counts`` (k,), float64 and weighted, follow the labels at the price of the rows that changed
    theirs.
    """

    def __init__(
        self,
        y: NDArray[np.floating],
        k: int,
        weight: NDArray[np.float64] | None = None,
        bounded: bool = True,
    ) -> None:
        n, d = y.shape
        self._y = np.ascontiguousarray(y)
        self._weight = weight
        self._k = k
        lanes = simd.REGISTER_BYTES // y.dtype.itemsize
        width = 2 * lanes * -(-k // (2 * lanes))
        groups = lanes * -(-(width // lanes) // lanes)
        bounded = bounded and d >= BOUNDS_FROM and bool(np.abs(y).max() < MODERATE)
        self._bounded = bounded
        self._fresh = True
        self._bounds = Bounds(
            own=np.empty(n if bounded else 0, y.dtype),
            group=np.full(n * groups if bounded else 0, np.inf, y.dtype),
            pair=np.empty(n * width if bounded else 0, np.uint16),
            drift=np.zeros(width, y.dtype),
            group_drift=np.zeros(groups, y.dtype),
        )
        self._lanes = lanes
        self._order: NDArray[np.int64] | None = None
        self._place = np.empty(0, np.int64)
        self._position = np.full(n, -1, np.int32)
        self._sums = np.zeros((k, d))
        # a far row that has come and gone would leave its rounding errors behind
        self._lost = np.zeros((k, d))
        self._counts = np.zeros(k)
        self._points = np.empty((0, d))
        self._drift = np.zeros(width)
        self._group_drift = np.zeros(groups)
        self.changed = n

    @staticmethod
    def bytes_needed(n: int, d: int, k: int, itemsize: int) -> int:
        """Memory that the bounds take."""
        return n * itemsize * (k + k // 8 + 64) if d >= BOUNDS_FROM else 0

    @property
    def sums(self) -> NDArray[np.float64]:
        return self._by_point(self._sums + self._lost)

    @property
    def counts(self) -> NDArray[np.float64]:
        return self._by_point(self._counts)

    def _by_point(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        result = np.empty_like(values)
        result[self._known_order()] = values
        return result

    def _known_order(self) -> NDArray[np.int64]:
        if self._order is None:
            raise ValueError("MovingNearest: no points yet; expected a call of assign before this")
        return self._order

    @property
    def label(self) -> NDArray[np.int32]:
        """(n,), positions in ``points``."""
        return self._known_order().astype(np.int32)[self._position]

    def assign(self, points: NDArray[np.floating]) -> int:
        """Find the nearest of points (k, d), in the data's type; how many labels changed."""
        n, d = self._y.shape
        if self._order is None:
            self._order = neighbours_together(points.astype(np.float64), self._lanes)
            self._place = np.argsort(self._order)
            self._points = points[self._order].astype(np.float64)
        points = points[self._order]
        self._record_drift(points.astype(np.float64))
        before = self._position.copy()
        y, bounds, label, fresh = self._y.reshape(-1), self._bounds, self._position, self._fresh
        self._bounded = self._bounded and bool(np.abs(points).max() < MODERATE)

        if self._bounded and (not fresh or self.changed < SETTLED * n):
            slack = slack_of(d, bounds)

            def rows(start: int, stop: int, tiles: Tiles, doubt: NDArray[np.bool_]) -> None:
                reassign(y, start, stop, tiles, bounds, label, doubt, slack, fresh)

            self._fresh = False
            self._forget(find_nearest(self._y, points, label, rows, self._place))
        else:
            find_nearest(self._y, points, label, position=self._place)
        self._follow(before)
        return self.changed

    def _forget(self, rows: NDArray[np.int64]) -> None:
        """Nothing is known of these rows: not their own distance, nor that a group is far."""
        groups, width = len(self._group_drift), len(self._drift)
        self._bounds.own[rows] = np.inf
        # not what fills up the last registers: no points are there
        self._bounds.group.reshape(-1, groups)[rows, : width // self._lanes] = -np.inf
        self._bounds.pair.reshape(-1, width)[rows, : self._k] = 0

    def _record_drift(self, points: NDArray[np.float64]) -> None:
        # rounded up: a bound must never be larger than the truth
        move = np.zeros(len(self._drift))
        move[: self._k] = np.linalg.norm(points - self._points, axis=1) * (1 + 1e-6)
        self._points = points
        self._drift += move
        of_group = move.reshape(-1, self._lanes).max(axis=1)
        self._group_drift[: len(of_group)] += of_group
        self._bounds.drift[:] = self._drift
        self._bounds.group_drift[:] = self._group_drift

    def _follow(self, before: NDArray[np.int32]) -> None:
        rows = np.flatnonzero(before != self._position)
        self.changed = len(rows)
        was, now = before[rows], self._position[rows]
        weight = None if self._weight is None else self._weight[rows]
        self._counts += np.bincount(now, weight, self._k)
        had = was >= 0
        self._counts -= np.bincount(was[had], None if weight is None else weight[had], self._k)
        d = self._y.shape[1]
        y, sums, lost = self._y.reshape(-1), self._sums.reshape(-1), self._lost.reshape(-1)

        def columns(first: int, last: int) -> None:
            _move_sums(y, d, weight, rows, was, now, sums, lost, first, last)

        over_blocks(columns, d, 8)

    def move_row(self, row: int, cluster: int) -> None:
        """Give a row to another cluster, whose point is about to be put on the row."""
        before = self._position.copy()
        self._position[row] = self._place[cluster]
        if not self._fresh:
            self._forget(np.array([row]))
        self._follow(before)
