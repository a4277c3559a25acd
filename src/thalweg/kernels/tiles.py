"""Scores of rows against many points, several at a time, and the two best of each row.

The score of row y and point w is ``<y, w> - |w|^2 / 2``, largest where ``|y - w|^2`` is smallest.
Four rows are held against two registers of points at a time, and the running best stays in
registers, so the (n, k) matrix of distances is never written.

A score rounds, so it decides nothing by itself. Its error is bounded by the lengths of y and w,
taken from one of the points, the *origin*; where the two best scores are closer than the bound,
:mod:`thalweg.kernels.distances` decides. Seen from one of the points, that point's own score is
exactly 0, so a point further away than twice the row can not win, and the bound needs the length of
the row alone (:func:`margin`), however far away some of the points are.

Arrays go to the kernels flat, with offsets: a view of a row would count references, which costs
more than a short distance.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from thalweg.kernels import simd

BLOCK_ROWS = 64
"""Rows that share one pass over the points: few enough that a block stays in the first cache."""

TAG_BITS = 4
"""Low bits of a score that say which register it came from: the largest score brings its index
along, where a second register of indices would cost as much again."""

TAGGED = 2**TAG_BITS
"""Registers between two times that the best so far are put away with whole indices."""

NOWHERE = -0.25
"""Share of the largest number that is the score of what is no point, for every row that counts."""


class Tiles(NamedTuple):
    """k points laid out for the kernels, as seen from one of them."""

    points: NDArray[np.floating]
    """(k * d,), as they came"""
    centered: NDArray[np.floating]
    """minus the origin; 0 where no point is, or one that is too far. In tiles of two registers,
    coordinate by coordinate: (tiles * d * 2 * lanes,). As they come if there are few: (k * d,)"""
    half_norms: NDArray[np.floating]
    """(tiles * 2 * lanes,) or (k,), -|w|^2 / 2 of the centered points; where no point is, or one
    that is too far, less than any that counts"""
    origin: NDArray[np.floating]
    """(d,), one of the points"""
    relative: np.floating
    """what the difference of two scores may be off by, as a share of the row's squared length"""
    absolute: np.floating
    """and beyond that, for numbers that are next to 0"""
    longest: np.floating
    """squared length of a row, at most, for which scores decide anything"""


def tile(points: NDArray[np.floating]) -> Tiles:
    """Lay out points (k, d), in tiles."""
    k, d = points.shape
    lanes = simd.REGISTER_BYTES // points.dtype.itemsize
    width = 2 * lanes * -(-k // (2 * lanes))
    plain = as_they_come(points)
    padded = np.zeros((width, d), points.dtype)
    padded[:k] = plain.centered.reshape(k, d)
    half_norms = np.full(width, NOWHERE * np.finfo(points.dtype).max, points.dtype)
    half_norms[:k] = plain.half_norms
    laid_out = np.ascontiguousarray(padded.reshape(-1, 2 * lanes, d).transpose(0, 2, 1))
    return plain._replace(centered=laid_out.reshape(-1), half_norms=half_norms)


def as_they_come(points: NDArray[np.floating]) -> Tiles:
    """Lay out points (k, d), one after the other."""
    d, dtype, limits = points.shape[1], points.dtype, np.finfo(points.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        # any point will do; one amid the others keeps most rows short
        from_mean = points - points.mean(axis=0, dtype=np.float64)
        origin = points[np.argmin(np.einsum("kd,kd->k", from_mean, from_mean))]
        centered = points - origin
        squares = np.einsum("kd,kd->k", centered, centered, dtype=np.float64)
    # the others are the nearest of no row that counts: they are four times as far as any
    near = squares < limits.max / 64
    centered[~near] = 0
    half_norms = np.where(near, -0.5 * squares, NOWHERE * limits.max)
    # |w| <= 2.1 |y|: d + 5 roundings of products up to 2.1 |y|^2 and squares up to 4.5 |y|^2, and
    # the bits of the tag in a sum up to 4.4 |y|^2, in each of two scores
    roundings = 6.7 * (d + 5) + 4.4 * 2 * TAGGED
    return Tiles(
        np.ascontiguousarray(points).reshape(-1),
        centered.reshape(-1),
        half_norms.astype(dtype),
        np.ascontiguousarray(origin),
        dtype.type(roundings * limits.eps),
        dtype.type((d + 2 * TAGGED + 5) * limits.tiny),
        dtype.type(limits.max / 2048),
    )


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
        y = simd.spread(rows, o + j)
        a0 = simd.fused_multiply_add(y, w0, a0)
        a1 = simd.fused_multiply_add(y, w1, a1)
        y = simd.spread(rows, o1 + j)
        b0 = simd.fused_multiply_add(y, w0, b0)
        b1 = simd.fused_multiply_add(y, w1, b1)
        y = simd.spread(rows, o2 + j)
        c0 = simd.fused_multiply_add(y, w0, c0)
        c1 = simd.fused_multiply_add(y, w1, c1)
        y = simd.spread(rows, o3 + j)
        e0 = simd.fused_multiply_add(y, w0, e0)
        e1 = simd.fused_multiply_add(y, w1, e1)
    return a0, a1, b0, b1, c0, c1, e0, e1


@numba.njit(nogil=True, cache=True)
def keep_two(best, second, offset, register, s0, s1, integers):  # type: ignore[no-untyped-def]
    """Fold two registers of scores, tagged, into a row's running best and second best."""
    mask = simd.splat(integers, integers.dtype.type(-TAGGED))
    s0 = simd.tag(s0, mask, simd.splat(integers, integers.dtype.type(register)))
    s1 = simd.tag(s1, mask, simd.splat(integers, integers.dtype.type(register + 1)))
    high = simd.where_greater(s0, s1, s0, s1)
    low = simd.where_greater(s0, s1, s1, s0)
    b = simd.load(best, offset)
    s = simd.load(second, offset)
    s = simd.where_greater(s, low, s, low)
    low = simd.where_greater(b, high, high, b)
    simd.store(second, offset, simd.where_greater(s, low, s, low))
    simd.store(best, offset, simd.where_greater(b, high, b, high))


@numba.njit(nogil=True, cache=True)
def read_two(best, second, offset, integers):  # type: ignore[no-untyped-def]
    """The index of a row's best score since the last put-away, that score, and the next one."""
    lanes = simd.lanes(best)
    b = simd.load(best, offset)
    peak = simd.highest(b)
    at = simd.bits_equal(b, simd.splat(best, peak))
    lane = simd.lowest_bit(at)
    register = simd.bits_of(peak, integers) & integers.dtype.type(TAGGED - 1)
    if simd.count_bits(at) > 1:
        return register * lanes + lane, peak, peak
    rest = simd.replace_lane(b, lane, second[offset + lane])
    return register * lanes + lane, peak, simd.highest(rest)


@numba.njit(nogil=True, cache=True)
def gather_centered(y, start, count, origin, rows, squares):  # type: ignore[no-untyped-def]
    """Copy rows ``start ...`` minus the origin into scratch, filled up to a multiple of four.

    ``squares`` (BLOCK_ROWS,) takes their squared lengths.
    """
    d = len(origin)
    lanes = simd.lanes(y)
    for r in range(-(-count // 4) * 4):
        o = (start + min(r, count - 1)) * d
        j = 0
        square = y.dtype.type(0)
        if d >= lanes:
            sums = simd.splat(y, y.dtype.type(0))
            while j + lanes <= d:
                e = simd.subtract(simd.load(y, o + j), simd.load(origin, j))
                simd.store(rows, r * d + j, e)
                sums = simd.fused_multiply_add(e, e, sums)
                j += lanes
            square = simd.total(sums)
        while j < d:
            e_j = y[o + j] - origin[j]
            rows[r * d + j] = e_j
            square += e_j * e_j
            j += 1
        squares[r] = square


@numba.njit(nogil=True, cache=True)
def margin(square, tiles):  # type: ignore[no-untyped-def]
    """How much better than the next the best score must be, for a row of this squared length."""
    return tiles.relative * square + tiles.absolute
