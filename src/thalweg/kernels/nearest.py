"""Nearest point of a set, for every row: fast scores, and differences where scores are in doubt."""

from __future__ import annotations

from collections.abc import Callable

import numba
import numpy as np
from numpy.typing import NDArray

from thalweg.kernels import simd
from thalweg.kernels.distances import columns_of, energies, settle
from thalweg.kernels.narrow import NARROW, assign_narrow
from thalweg.kernels.threads import over_blocks
from thalweg.kernels.tiles import (
    BLOCK_ROWS,
    TAGGED,
    Tiles,
    as_they_come,
    gather_centered,
    keep_two,
    margin,
    read_two,
    scores_of_four,
    tile,
)


@numba.njit(nogil=True, cache=True)
def assign_by_scores(y, start, stop, tiles, label, doubt, integers):  # type: ignore[no-untyped-def]
    """Labels of rows ``start`` to ``stop``, and whether they are in doubt."""
    d = len(tiles.origin)
    lanes = simd.lanes(y)
    rows = np.empty(BLOCK_ROWS * d, y.dtype)
    squares = np.empty(BLOCK_ROWS, y.dtype)
    best = np.empty(BLOCK_ROWS * lanes, y.dtype)
    second = np.empty(BLOCK_ROWS * lanes, y.dtype)
    top = np.empty(BLOCK_ROWS, y.dtype)
    lead = np.empty(BLOCK_ROWS, y.dtype)
    width = len(tiles.half_norms)
    for first_row in range(start, stop, BLOCK_ROWS):
        count = min(BLOCK_ROWS, stop - first_row)
        gather_centered(y, first_row, count, tiles.origin, rows, squares)
        for from_here in range(0, width, TAGGED * lanes):
            to_here = min(width, from_here + TAGGED * lanes)
            best[:] = y.dtype.type(-np.inf)
            second[:] = y.dtype.type(-np.inf)
            for first in range(from_here, to_here, 2 * lanes):
                register = (first - from_here) // lanes
                for r in range(0, count, 4):
                    s = scores_of_four(rows, r * d, d, tiles, first)
                    q = r * lanes
                    keep_two(best, second, q, register, s[0], s[1], integers)
                    keep_two(best, second, q + lanes, register, s[2], s[3], integers)
                    keep_two(best, second, q + 2 * lanes, register, s[4], s[5], integers)
                    keep_two(best, second, q + 3 * lanes, register, s[6], s[7], integers)
            for r in range(count):
                if not squares[r] <= tiles.longest:
                    label[first_row + r] = 0
                    lead[r] = 0
                    continue
                c, high, low = read_two(best, second, r * lanes, integers)
                if from_here == 0:
                    label[first_row + r] = c
                    top[r] = high
                    lead[r] = high - low
                elif high > top[r]:
                    label[first_row + r] = from_here + c
                    lead[r] = high - max(low, top[r])
                    top[r] = high
                else:
                    lead[r] = min(lead[r], top[r] - high)
        for r in range(count):
            doubt[first_row + r] = not lead[r] > margin(squares[r], tiles)


def index_type(dtype: np.dtype) -> NDArray[np.integer]:
    """An empty array whose integers fill a register just as the floats of ``dtype`` do."""
    return np.empty(0, np.int32 if dtype.itemsize == 4 else np.int64)


def find_nearest(
    y: NDArray[np.floating],
    points: NDArray[np.floating],
    label: NDArray[np.int32],
    assign: Callable[[int, int, Tiles, NDArray[np.bool_]], None] | None = None,
    position: NDArray[np.integer] | None = None,
) -> NDArray[np.int64]:
    """Write the index of the nearest of points (k, d), the lowest of equals, to ``label`` (n,).

    ``y`` is (n, d), in one piece. ``assign`` writes labels of rows from start to stop and whether
    they are in doubt; without it, scores of all points do. ``position`` says where the points of
    another order stand in this one: then equals are told apart by that order. The rows whose label
    was another before their doubt was settled are returned.
    """
    narrow = assign is None and y.shape[1] <= NARROW
    tiles, integers = (as_they_come if narrow else tile)(points), index_type(y.dtype)
    flat, doubt = y.reshape(-1), np.empty(len(y), np.bool_)

    def block(start: int, stop: int) -> None:
        if narrow:
            assign_narrow(flat, start, stop, tiles, label, doubt, integers)
        elif assign is None:
            assign_by_scores(flat, start, stop, tiles, label, doubt, integers)
        else:
            assign(start, stop, tiles, doubt)

    over_blocks(block, len(y), BLOCK_ROWS)
    rows = np.flatnonzero(doubt)
    if len(rows) == 0:
        return rows
    columns = columns_of(points if position is None else points[position])
    long, guessed = np.empty(0, np.int64), label[rows]
    over_blocks(lambda a, b: settle(flat, rows, a, b, columns, label, long), len(rows), 8)
    if position is not None:
        label[rows] = position[label[rows]]
    return rows[label[rows] != guessed]


def nearest(
    y: NDArray[np.floating], points: NDArray[np.floating]
) -> tuple[NDArray[np.int32], NDArray[np.floating]]:
    """Index of the nearest point (lowest index among equals) and its squared distance.

    y is (n, d), points (k, d), both float32 or both float64. The index is that of differences in
    double precision. A row that is not finite is given point 0, and an energy that is not finite.
    """
    if y.shape[1] != points.shape[1] or y.dtype != points.dtype:
        raise ValueError(
            f"nearest: y is {y.shape} of {y.dtype}, points {points.shape} of {points.dtype}; "
            "expected as many columns, of one type"
        )
    y, label = np.ascontiguousarray(y), np.empty(len(y), np.int32)
    find_nearest(y, points, label)
    return label, energies_of(y, points, label)


def energies_of(
    y: NDArray[np.floating], points: NDArray[np.floating], label: NDArray[np.integer]
) -> NDArray[np.floating]:
    """The squared distance of each row to the point with its label, by differences: (n,)."""
    n, d = y.shape
    energy = np.empty(n, y.dtype)
    flat, points = np.ascontiguousarray(y).reshape(-1), np.ascontiguousarray(points).reshape(-1)
    over_blocks(lambda a, b: energies(flat, a, b, points, label, d, energy), n, BLOCK_ROWS)
    return energy
