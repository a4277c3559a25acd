"""Squared distances by differences: what the fast scores are held to, and energies come from."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from thalweg.kernels import simd


class Columns(NamedTuple):
    """k points in double precision, by registers of points, coordinate by coordinate."""

    values: NDArray[np.float64]
    """(registers * d * lanes,), the last register filled up with copies of the last point"""
    k: int
    d: int


def columns_of(points: NDArray[np.floating]) -> Columns:
    """Lay out points (k, d) for :func:`nearest_by_differences`."""
    k, d = points.shape
    lanes = simd.REGISTER_BYTES // 8
    filled = points[np.minimum(np.arange(lanes * -(-k // lanes)), k - 1)].astype(np.float64)
    values = np.ascontiguousarray(filled.reshape(-1, lanes, d).transpose(0, 2, 1))
    return Columns(values.reshape(-1), k, d)


@numba.njit(nogil=True, cache=True)
def nearest_by_differences(y, o, columns, integers):  # type: ignore[no-untyped-def]
    """The lowest index of a nearest point of row ``y[o : o + d]``: 0 where no distance is finite.

    In double precision: differences of single ones are exact then. NaN coordinates are left out.
    """
    values, d = columns.values, columns.d
    lanes = simd.lanes(values)
    zero = simd.splat(values, 0.0)
    best = simd.splat(values, np.inf)
    which = simd.splat(integers, integers.dtype.type(0))
    here = simd.iota(integers)
    step = simd.splat(integers, integers.dtype.type(lanes))
    for q in range(0, len(values), d * lanes):
        squares = zero
        for j in range(d):
            if np.isnan(y[o + j]):
                continue
            e = simd.subtract(
                simd.splat(values, np.float64(y[o + j])), simd.load(values, q + j * lanes)
            )
            squares = simd.fused_multiply_add(e, e, squares)
        which = simd.where_greater(best, squares, here, which)
        best = simd.where_greater(best, squares, squares, best)
        here = simd.integer_add(here, step)
    least = simd.splat(values, simd.lowest(best))
    return min(simd.lowest_where_equal(best, least, which), columns.k - 1)


@numba.njit(nogil=True, cache=True)
def settle(y, rows, start, stop, columns, label, integers):  # type: ignore[no-untyped-def]
    """Labels of some of the rows, ``rows[start:stop]``, by differences."""
    for r in range(start, stop):
        i = rows[r]
        label[i] = nearest_by_differences(y, i * columns.d, columns, integers)


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
def energies(y, start, stop, points, label, d, energy):  # type: ignore[no-untyped-def]
    """The squared distance of rows ``start`` to ``stop`` to the point with their label."""
    for i in range(start, stop):
        energy[i] = squared_distance(y, i * d, points, label[i] * d, d)
