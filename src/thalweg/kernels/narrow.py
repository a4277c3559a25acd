"""Rows of few coordinates: registers hold one coordinate of many rows, points come one by one.

Where a score is a few products, finding the largest among the lanes of a register would cost more
than the scores. With a row to a lane there is nothing to find, and nothing is filled up.
"""

from __future__ import annotations

import numba
import numpy as np

from thalweg.kernels import simd
from thalweg.kernels.tiles import margin

NARROW = 16
"""Coordinates, at most, for which this is faster than tiles of points."""

REGISTERS = 4
"""Registers of rows side by side: enough to hide how long one maximum takes."""


@numba.njit(nogil=True, cache=True)
def _turn(y, start, count, origin, turned):  # type: ignore[no-untyped-def]
    """Rows minus the origin, coordinate by coordinate; the last row fills up."""
    d = len(origin)
    size = len(turned) // d
    for j in range(d):
        for r in range(count):
            turned[j * size + r] = y[(start + r) * d + j] - origin[j]
        for r in range(count, size):
            turned[j * size + r] = turned[j * size + count - 1]


@numba.njit(nogil=True, cache=True)
def _fold(s, b, second, which, here):  # type: ignore[no-untyped-def]
    """A score into the best, the second best and whose the best is."""
    which = simd.where_greater(s, b, here, which)
    lower = simd.where_greater(s, b, b, s)
    second = simd.where_greater(second, lower, second, lower)
    return simd.where_greater(s, b, s, b), second, which


@numba.njit(nogil=True, cache=True)
def assign_narrow(y, start, stop, tiles, label, doubt, integers):  # type: ignore[no-untyped-def]
    """Labels of rows ``start`` to ``stop``, and whether they are in doubt."""
    d = len(tiles.origin)
    lanes = simd.lanes(y)
    size = REGISTERS * lanes
    points, half_norms = tiles.centered, tiles.half_norms
    turned = np.empty(size * d, y.dtype)
    leads, squares = np.empty(size, y.dtype), np.empty(size, y.dtype)
    indices = np.empty(size, integers.dtype)
    lowest = simd.splat(y, y.dtype.type(-np.inf))
    for first in range(start, stop, size):
        count = min(size, stop - first)
        _turn(y, first, count, tiles.origin, turned)
        b0 = b1 = b2 = b3 = lowest
        t0 = t1 = t2 = t3 = lowest
        w0 = w1 = w2 = w3 = simd.splat(integers, integers.dtype.type(0))
        for c in range(len(half_norms)):
            s0 = s1 = s2 = s3 = simd.splat(y, half_norms[c])
            for j in range(d):
                w = simd.splat(y, points[c * d + j])
                q = j * size
                s0 = simd.fused_multiply_add(simd.load(turned, q), w, s0)
                s1 = simd.fused_multiply_add(simd.load(turned, q + lanes), w, s1)
                s2 = simd.fused_multiply_add(simd.load(turned, q + 2 * lanes), w, s2)
                s3 = simd.fused_multiply_add(simd.load(turned, q + 3 * lanes), w, s3)
            here = simd.splat(integers, integers.dtype.type(c))
            b0, t0, w0 = _fold(s0, b0, t0, w0, here)
            b1, t1, w1 = _fold(s1, b1, t1, w1, here)
            b2, t2, w2 = _fold(s2, b2, t2, w2, here)
            b3, t3, w3 = _fold(s3, b3, t3, w3, here)
        simd.store(leads, 0, simd.subtract(b0, t0))
        simd.store(leads, lanes, simd.subtract(b1, t1))
        simd.store(leads, 2 * lanes, simd.subtract(b2, t2))
        simd.store(leads, 3 * lanes, simd.subtract(b3, t3))
        simd.store(indices, 0, w0)
        simd.store(indices, lanes, w1)
        simd.store(indices, 2 * lanes, w2)
        simd.store(indices, 3 * lanes, w3)
        for q in range(0, size, lanes):
            square = simd.splat(y, y.dtype.type(0))
            for j in range(d):
                e = simd.load(turned, j * size + q)
                square = simd.fused_multiply_add(e, e, square)
            simd.store(squares, q, square)
        for r in range(count):
            label[first + r] = indices[r]
            sure = squares[r] <= tiles.longest and leads[r] > margin(squares[r], tiles)
            doubt[first + r] = not sure
