"""Squared distances of rows to points by differences, over the coordinates that are not NaN.

A register holds one coordinate of many rows, as in :mod:`thalweg.kernels.narrow`. Nothing cancels
that should not: a distance is right to a few roundings of its own size, wherever rows and points
are.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from thalweg.kernels import simd
from thalweg.kernels.distances import columns_of, settle
from thalweg.kernels.threads import over_blocks

REGISTERS = 4
"""Registers of rows side by side."""


@numba.njit(nogil=True, cache=True)
def _turn(y, start, count, d, turned, seen):  # type: ignore[no-untyped-def]
    """Rows coordinate by coordinate, 0 where hidden, and 1 where not; whether any is hidden."""
    size = len(turned) // d
    hidden = False
    for j in range(d):
        for r in range(size):
            value = y[(start + min(r, count - 1)) * d + j]
            unseen = np.isnan(value)
            hidden = hidden or unseen
            turned[j * size + r] = 0 if unseen else value
            seen[j * size + r] = 0 if unseen else 1
    return hidden


@numba.njit(nogil=True, cache=True)
def _squares_of_block(turned, seen, hidden, points, d, k, result):  # type: ignore[no-untyped-def]
    """Squared distances of a block of rows to every point: (k * size,)."""
    size = len(turned) // d
    lanes = simd.lanes(turned)
    zero = simd.splat(turned, turned.dtype.type(0))
    for c in range(k):
        s0 = s1 = s2 = s3 = zero
        for j in range(d):
            q = j * size
            w0 = w1 = w2 = w3 = simd.splat(turned, points[c * d + j])
            if hidden:
                w0 = simd.multiply(w0, simd.load(seen, q))
                w1 = simd.multiply(w1, simd.load(seen, q + lanes))
                w2 = simd.multiply(w2, simd.load(seen, q + 2 * lanes))
                w3 = simd.multiply(w3, simd.load(seen, q + 3 * lanes))
            e0 = simd.subtract(simd.load(turned, q), w0)
            e1 = simd.subtract(simd.load(turned, q + lanes), w1)
            e2 = simd.subtract(simd.load(turned, q + 2 * lanes), w2)
            e3 = simd.subtract(simd.load(turned, q + 3 * lanes), w3)
            s0 = simd.fused_multiply_add(e0, e0, s0)
            s1 = simd.fused_multiply_add(e1, e1, s1)
            s2 = simd.fused_multiply_add(e2, e2, s2)
            s3 = simd.fused_multiply_add(e3, e3, s3)
        o = c * size
        simd.store(result, o, s0)
        simd.store(result, o + lanes, s1)
        simd.store(result, o + 2 * lanes, s2)
        simd.store(result, o + 3 * lanes, s3)


@numba.njit(nogil=True, cache=True)
def _write_all(y, start, stop, d, points, k, out):  # type: ignore[no-untyped-def]
    size = REGISTERS * simd.lanes(y)
    n = len(y) // d
    turned, seen = np.empty(size * d, y.dtype), np.empty(size * d, y.dtype)
    result = np.empty(size * k, y.dtype)
    for first in range(start, stop, size):
        count = min(size, stop - first)
        hidden = _turn(y, first, count, d, turned, seen)
        _squares_of_block(turned, seen, hidden, points, d, k, result)
        for c in range(k):
            for r in range(count):
                out[c * n + first + r] = result[c * size + r]


@numba.njit(nogil=True, cache=True)
def _keep_least(y, start, stop, d, points, k, label, energy, doubt):  # type: ignore[no-untyped-def]
    size = REGISTERS * simd.lanes(y)
    turned, seen = np.empty(size * d, y.dtype), np.empty(size * d, y.dtype)
    result = np.empty(size * k, y.dtype)
    least, second = np.empty(size, y.dtype), np.empty(size, y.dtype)
    which = np.empty(size, np.int32)
    # what two sums of d squares may be off by
    rounding = y.dtype.type((d + 3) * np.finfo(y.dtype).eps)
    tiny = y.dtype.type((d + 3) * np.finfo(y.dtype).tiny)
    for first in range(start, stop, size):
        count = min(size, stop - first)
        hidden = _turn(y, first, count, d, turned, seen)
        _squares_of_block(turned, seen, hidden, points, d, k, result)
        least[:] = np.inf
        second[:] = np.inf
        which[:] = 0
        for c in range(k):
            for r in range(size):
                value = result[c * size + r]
                lower = value < least[r]
                second[r] = least[r] if lower else min(second[r], value)
                which[r] = c if lower else which[r]
                least[r] = value if lower else least[r]
        for r in range(count):
            label[first + r] = which[r]
            energy[first + r] = least[r]
            doubt[first + r] = not second[r] - least[r] > rounding * second[r] + tiny


def all_distances(y: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Squared distances of rows (n, d), NaN where hidden, to points (k, d), of one type: (k, n)."""
    (n, d), k = y.shape, len(points)
    out = np.empty(k * n, y.dtype)
    flat, points = np.ascontiguousarray(y).reshape(-1), np.ascontiguousarray(points).reshape(-1)
    over_blocks(lambda a, b: _write_all(flat, a, b, d, points, k, out), n, _rows_of(y))
    return out.reshape(k, n)


def nearest_visible(
    y: NDArray[np.floating], points: NDArray[np.floating]
) -> tuple[NDArray[np.int32], NDArray[np.floating]]:
    """Index of the point nearest in the visible coordinates (lowest of equals), squared distance.

    As :func:`~thalweg.kernels.nearest.nearest`, for rows with NaN.
    """
    (n, d), k = y.shape, len(points)
    label, energy, doubt = np.empty(n, np.int32), np.empty(n, y.dtype), np.empty(n, np.bool_)
    flat, laid = np.ascontiguousarray(y).reshape(-1), np.ascontiguousarray(points).reshape(-1)
    over_blocks(
        lambda a, b: _keep_least(flat, a, b, d, laid, k, label, energy, doubt), n, _rows_of(y)
    )
    rows = np.flatnonzero(doubt)
    if len(rows):
        columns, long = columns_of(points), np.empty(0, np.int64)
        over_blocks(lambda a, b: settle(flat, rows, a, b, columns, label, long), len(rows), 8)
        away = y[rows] - points[label[rows]]
        energy[rows] = np.einsum("nd,nd->n", *2 * [np.where(np.isnan(y[rows]), 0, away)])
    return label, energy


def _rows_of(y: NDArray[np.floating]) -> int:
    return REGISTERS * simd.REGISTER_BYTES // y.dtype.itemsize
