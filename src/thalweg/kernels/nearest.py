"""Nearest point of a set, for every row: fused distance and minimum.

The score of row y and point w is ``<y, w> - |w|^2 / 2``, largest where ``|y - w|^2`` is smallest.
Four rows are held against two registers of points at a time, and the running best stays in
registers, so the (n, k) matrix of distances is never written. Rows and points are centered on the
mean of the points first, block by block: far from the origin the expanded square would cancel.

Arrays go to the kernels flat, with offsets: a view of a row would count references, which costs
more than a short distance.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from thalweg.kernels import simd
from thalweg.kernels.threads import over_blocks

BLOCK_ROWS = 64
"""Rows that share one pass over the points: few enough that a block stays in the first cache."""

FAR = 1e15
"""Coordinate of the points that fill the last tile: never nearest, finite when squared."""


class Tiles(NamedTuple):
    """k points laid out for the kernels: tiles of two registers, coordinate by coordinate."""

    points: NDArray[np.floating]
    """(k * d,), as they came"""
    centered: NDArray[np.floating]
    """(tiles * d * 2 * lanes,), minus the shift, the last tile filled up with far points"""
    half_norms: NDArray[np.floating]
    """(tiles * 2 * lanes,), -|w|^2 / 2 of the centered points"""
    shift: NDArray[np.floating]
    """(d,), the mean of the points"""


def tile(points: NDArray[np.floating]) -> Tiles:
    """Lay out points (k, d) for the kernels."""
    k, d = points.shape
    lanes = simd.REGISTER_BYTES // points.dtype.itemsize
    width = 2 * lanes * -(-k // (2 * lanes))
    shift = points.mean(axis=0, dtype=np.float64).astype(points.dtype)
    padded = np.full((width, d), FAR, points.dtype)
    padded[:k] = points - shift
    half_norms = -0.5 * np.einsum("kd,kd->k", padded, padded, dtype=np.float64)
    laid_out = np.ascontiguousarray(padded.reshape(-1, 2 * lanes, d).transpose(0, 2, 1))
    flat = np.ascontiguousarray(points).reshape(-1)
    return Tiles(flat, laid_out.reshape(-1), half_norms.astype(points.dtype), shift)


@numba.njit(nogil=True, cache=True)
def scores_of_four(rows, o, d, tiles, first):  # type: ignore[no-untyped-def]
    """Scores of four centered rows, from offset o, against one tile: eight registers."""
    lanes = simd.lanes(rows)
    points = tiles.centered
    h0 = simd.load(tiles.half_norms, first)
    h1 = simd.load(tiles.half_norms, first + lanes)
    o1 = o + d
    o2 = o1 + d
    o3 = o2 + d
    q = first * d
    a0 = h0
    a1 = h1
    b0 = h0
    b1 = h1
    c0 = h0
    c1 = h1
    e0 = h0
    e1 = h1
    for j in range(d):
        w0 = simd.load(points, q)
        w1 = simd.load(points, q + lanes)
        q += 2 * lanes
        y = simd.splat(rows, rows[o + j])
        a0 = simd.fused_multiply_add(y, w0, a0)
        a1 = simd.fused_multiply_add(y, w1, a1)
        y = simd.splat(rows, rows[o1 + j])
        b0 = simd.fused_multiply_add(y, w0, b0)
        b1 = simd.fused_multiply_add(y, w1, b1)
        y = simd.splat(rows, rows[o2 + j])
        c0 = simd.fused_multiply_add(y, w0, c0)
        c1 = simd.fused_multiply_add(y, w1, c1)
        y = simd.splat(rows, rows[o3 + j])
        e0 = simd.fused_multiply_add(y, w0, e0)
        e1 = simd.fused_multiply_add(y, w1, e1)
    return a0, a1, b0, b1, c0, c1, e0, e1


@numba.njit(nogil=True, cache=True)
def keep_best(best, which, offset, first, s0, s1):  # type: ignore[no-untyped-def]
    """Fold two registers of scores, for points ``first`` and on, into a row's running best."""
    lanes = simd.lanes(best)
    b = simd.load(best, offset)
    w = simd.load(which, offset)
    i0 = simd.integer_add(simd.iota(which), simd.splat(which, which.dtype.type(first)))
    i1 = simd.integer_add(i0, simd.splat(which, which.dtype.type(lanes)))
    w = simd.where_greater(s0, b, i0, w)
    b = simd.where_greater(s0, b, s0, b)
    w = simd.where_greater(s1, b, i1, w)
    b = simd.where_greater(s1, b, s1, b)
    simd.store(best, offset, b)
    simd.store(which, offset, w)


@numba.njit(nogil=True, cache=True)
def read_best(best, which, offset):  # type: ignore[no-untyped-def]
    """The index of a row's best score."""
    b = simd.load(best, offset)
    peak = simd.splat(best, simd.highest(b))
    return simd.lowest_where_equal(b, peak, simd.load(which, offset))


@numba.njit(nogil=True, cache=True)
def gather_centered(y, start, count, shift, rows):  # type: ignore[no-untyped-def]
    """Copy rows ``start ...`` minus the shift into scratch; fill up to a multiple of four."""
    d = len(shift)
    lanes = simd.lanes(y)
    for r in range(-(-count // 4) * 4):
        o = (start + min(r, count - 1)) * d
        j = 0
        while j + lanes <= d:
            simd.store(rows, r * d + j, simd.subtract(simd.load(y, o + j), simd.load(shift, j)))
            j += lanes
        while j < d:
            rows[r * d + j] = y[o + j] - shift[j]
            j += 1


@numba.njit(nogil=True, cache=True)
def squared_distance(y, o, points, p, d):  # type: ignore[no-untyped-def]
    """``|y[o : o + d] - points[p : p + d]|^2``, from the differences."""
    lanes = simd.lanes(y)
    result = y.dtype.type(0)
    j = 0
    if d >= lanes:
        difference = simd.subtract(simd.load(y, o), simd.load(points, p))
        even = simd.multiply(difference, difference)
        odd = simd.splat(y, y.dtype.type(0))
        j = lanes
        while j + 2 * lanes <= d:
            difference = simd.subtract(simd.load(y, o + j), simd.load(points, p + j))
            odd = simd.fused_multiply_add(difference, difference, odd)
            difference = simd.subtract(
                simd.load(y, o + j + lanes), simd.load(points, p + j + lanes)
            )
            even = simd.fused_multiply_add(difference, difference, even)
            j += 2 * lanes
        if j + lanes <= d:
            difference = simd.subtract(simd.load(y, o + j), simd.load(points, p + j))
            odd = simd.fused_multiply_add(difference, difference, odd)
            j += lanes
        result = simd.total(simd.add(even, odd))
    while j < d:
        difference_j = y[o + j] - points[p + j]
        result += difference_j * difference_j
        j += 1
    return result


@numba.njit(nogil=True, cache=True)
def squared_distances(y, o, points, chosen, count, d, result):  # type: ignore[no-untyped-def]
    """The squared distances of a row to ``count`` chosen points, four at a time.

    ``chosen`` and ``result`` have room for a multiple of four.
    """
    lanes = simd.lanes(y)
    for k in range(count, -(-count // 4) * 4):
        chosen[k] = chosen[count - 1]
    for k in range(0, count, 4):
        p0 = chosen[k] * d
        p1 = chosen[k + 1] * d
        p2 = chosen[k + 2] * d
        p3 = chosen[k + 3] * d
        s0 = simd.splat(y, y.dtype.type(0))
        s1 = s0
        s2 = s0
        s3 = s0
        j = 0
        while j + lanes <= d:
            v = simd.load(y, o + j)
            u = simd.subtract(v, simd.load(points, p0 + j))
            s0 = simd.fused_multiply_add(u, u, s0)
            u = simd.subtract(v, simd.load(points, p1 + j))
            s1 = simd.fused_multiply_add(u, u, s1)
            u = simd.subtract(v, simd.load(points, p2 + j))
            s2 = simd.fused_multiply_add(u, u, s2)
            u = simd.subtract(v, simd.load(points, p3 + j))
            s3 = simd.fused_multiply_add(u, u, s3)
            j += lanes
        result[k] = simd.total(s0)
        result[k + 1] = simd.total(s1)
        result[k + 2] = simd.total(s2)
        result[k + 3] = simd.total(s3)
        while j < d:
            for q in range(4):
                rest = y[o + j] - points[chosen[k + q] * d + j]
                result[k + q] += rest * rest
            j += 1


@numba.njit(nogil=True, cache=True)
def assign_nearest(y, start, stop, tiles, label, energy, integers):  # type: ignore[no-untyped-def]
    """Labels of rows ``start`` to ``stop`` and, unless it is None, their energies."""
    d = len(tiles.shift)
    lanes = simd.lanes(y)
    rows = np.empty(BLOCK_ROWS * d, y.dtype)
    best = np.empty(BLOCK_ROWS * lanes, y.dtype)
    which = np.empty(BLOCK_ROWS * lanes, integers.dtype)
    for first_row in range(start, stop, BLOCK_ROWS):
        count = min(BLOCK_ROWS, stop - first_row)
        gather_centered(y, first_row, count, tiles.shift, rows)
        best[:] = y.dtype.type(-np.inf)
        # a row that is not finite has no best point, and is given the first: its energy is nan
        which[:] = 0
        for first in range(0, len(tiles.half_norms), 2 * lanes):
            for r in range(0, count, 4):
                s = scores_of_four(rows, r * d, d, tiles, first)
                q = r * lanes
                keep_best(best, which, q, first, s[0], s[1])
                keep_best(best, which, q + lanes, first, s[2], s[3])
                keep_best(best, which, q + 2 * lanes, first, s[4], s[5])
                keep_best(best, which, q + 3 * lanes, first, s[6], s[7])
        for r in range(count):
            i = first_row + r
            c = read_best(best, which, r * lanes)
            label[i] = c
            if energy is not None:
                energy[i] = squared_distance(y, i * d, tiles.points, c * d, d)


def index_type(dtype: np.dtype) -> NDArray[np.integer]:
    """An empty array whose integers fill a register just as the floats of ``dtype`` do."""
    return np.empty(0, np.int32 if dtype.itemsize == 4 else np.int64)


def nearest(
    y: NDArray[np.floating], points: NDArray[np.floating]
) -> tuple[NDArray[np.int32], NDArray[np.floating]]:
    """Index of the nearest point (lowest index among equals) and its squared distance.

    y is (n, d), points (k, d), both float32 or both float64. A row that is not finite is given
    point 0, and an energy that is not finite.
    """
    if y.shape[1] != points.shape[1] or y.dtype != points.dtype:
        raise ValueError(
            f"nearest: y is {y.shape} of {y.dtype}, points {points.shape} of {points.dtype}; "
            "expected as many columns, of one type"
        )
    n = len(y)
    label = np.empty(n, np.int32)
    energy = np.empty(n, y.dtype)
    tiles = tile(points)
    flat = np.ascontiguousarray(y).reshape(-1)
    integers = index_type(y.dtype)

    def block(start: int, stop: int) -> None:
        assign_nearest(flat, start, stop, tiles, label, energy, integers)

    over_blocks(block, n, BLOCK_ROWS)
    return label, energy


@numba.njit(nogil=True, cache=True)
def _energies_of(y, start, stop, points, label, d, energy):  # type: ignore[no-untyped-def]
    for i in range(start, stop):
        energy[i] = squared_distance(y, i * d, points, label[i] * d, d)


def energies_of(
    y: NDArray[np.floating], points: NDArray[np.floating], label: NDArray[np.integer]
) -> NDArray[np.floating]:
    """The squared distance of each row to the point with its label: (n,)."""
    n, d = y.shape
    energy = np.empty(n, y.dtype)
    flat, points = np.ascontiguousarray(y).reshape(-1), np.ascontiguousarray(points).reshape(-1)

    def block(start: int, stop: int) -> None:
        _energies_of(flat, start, stop, points, label, d, energy)

    over_blocks(block, n, BLOCK_ROWS)
    return energy
