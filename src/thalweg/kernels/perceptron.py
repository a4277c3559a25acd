"""A SiLU network of one output for a block of rows, all of its layers in one call.

Between two layers numbers stay in the first cache: as many rows as two registers hold lie side by
side, coordinate by coordinate, (h, WIDTH), so that a weight is one number that multiplies all of
them, and the matrix of a layer is read as it lies, there and back.

A network comes as the addresses of its weights (h_out, h_in) and offsets (h_out,), layer by layer,
and their sizes, the input's first; one compiled loop serves networks of any depth. What is kept of
a block lies one layer after the other, the input first: sum(sizes[:-1]) WIDTH numbers.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba.np.numpy_support import carray

from thalweg.kernels import simd
from thalweg.kernels.gates import silu, silu_twice
from thalweg.kernels.moves import pointer

FAST: dict[str, Any] = {
    "nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract"},
}  # fmt: skip


@numba.njit(**FAST)
def add_product(weight, across, along, n_out, n_in, rows, o, out, to):  # type: ignore[no-untyped-def]
    """Add to out[i] the sum over j of weight[i across + j along] rows[j], for blocks (h, WIDTH)."""
    lanes = simd.lanes(rows)
    width = 2 * lanes
    i = 0
    while i + 4 <= n_out:
        t = to + i * width
        a0 = simd.load(out, t)
        a1 = simd.load(out, t + lanes)
        b0 = simd.load(out, t + width)
        b1 = simd.load(out, t + width + lanes)
        c0 = simd.load(out, t + 2 * width)
        c1 = simd.load(out, t + 2 * width + lanes)
        e0 = simd.load(out, t + 3 * width)
        e1 = simd.load(out, t + 3 * width + lanes)
        p0 = i * across
        p1 = p0 + across
        p2 = p1 + across
        p3 = p2 + across
        q = o
        for _ in range(n_in):
            y0 = simd.load(rows, q)
            y1 = simd.load(rows, q + lanes)
            w = simd.spread(weight, p0)
            a0 = simd.fused_multiply_add(w, y0, a0)
            a1 = simd.fused_multiply_add(w, y1, a1)
            w = simd.spread(weight, p1)
            b0 = simd.fused_multiply_add(w, y0, b0)
            b1 = simd.fused_multiply_add(w, y1, b1)
            w = simd.spread(weight, p2)
            c0 = simd.fused_multiply_add(w, y0, c0)
            c1 = simd.fused_multiply_add(w, y1, c1)
            w = simd.spread(weight, p3)
            e0 = simd.fused_multiply_add(w, y0, e0)
            e1 = simd.fused_multiply_add(w, y1, e1)
            q += width
            p0 += along
            p1 += along
            p2 += along
            p3 += along
        simd.store(out, t, a0)
        simd.store(out, t + lanes, a1)
        simd.store(out, t + width, b0)
        simd.store(out, t + width + lanes, b1)
        simd.store(out, t + 2 * width, c0)
        simd.store(out, t + 2 * width + lanes, c1)
        simd.store(out, t + 3 * width, e0)
        simd.store(out, t + 3 * width + lanes, e1)
        i += 4
    while i < n_out:
        t = to + i * width
        a0 = simd.load(out, t)
        a1 = simd.load(out, t + lanes)
        p0 = i * across
        q = o
        for _ in range(n_in):
            w = simd.spread(weight, p0)
            a0 = simd.fused_multiply_add(w, simd.load(rows, q), a0)
            a1 = simd.fused_multiply_add(w, simd.load(rows, q + lanes), a1)
            q += width
            p0 += along
        simd.store(out, t, a0)
        simd.store(out, t + lanes, a1)
        i += 1


@numba.njit(**FAST)
def gate(field, slope):  # type: ignore[no-untyped-def]
    """Fields become what SiLU makes of them; and its slopes there."""
    for i in range(len(field)):
        field[i], slope[i] = silu(field[i])


@numba.njit(**FAST)
def gate_twice(field, slope, curve):  # type: ignore[no-untyped-def]
    """Fields become what SiLU makes of them; and its slopes and second derivatives there."""
    for i in range(len(field)):
        field[i], slope[i], curve[i] = silu_twice(field[i])


@numba.njit(**FAST)
def times(one, other, out):  # type: ignore[no-untyped-def]
    for i in range(len(other)):
        out[i] = one[i] * other[i]


@numba.njit(inline="always")
def numbers(address, n, like):  # type: ignore[no-untyped-def]
    return carray(pointer(address), n, like.dtype)


@numba.njit(**FAST)
def gather(like, rows, d, first, count, out, o):  # type: ignore[no-untyped-def]
    """Rows (n, d) side by side; where there are no more the last stands for them."""
    width = 2 * simd.lanes(like)
    if count == width:
        for j in range(d):
            for r in range(width):
                out[o + j * width + r] = rows[first * d + r * d + j]
        return
    for r in range(width):
        at = (first + min(r, count - 1)) * d
        for j in range(d):
            out[o + j * width + r] = rows[at + j]


@numba.njit(**FAST)
def scatter(like, block, d, first, count, out):  # type: ignore[no-untyped-def]
    """A block's rows back to (n, d)."""
    width = 2 * simd.lanes(like)
    for r in range(count):
        at = (first + r) * d
        for j in range(d):
            out[at + j] = block[j * width + r]


@numba.njit(**FAST)
def forth(like, weights, offsets, sizes, at, slope, curve, o, out):  # type: ignore[no-untyped-def]
    """From the rows at o through all layers: what comes out of each, slopes there, and outputs."""
    width = 2 * simd.lanes(like)
    for k in range(len(weights)):
        n_in, n_out = sizes[k], sizes[k + 1]
        to = o + n_in * width
        last = k + 1 == len(weights)
        target, t = (out, 0) if last else (at, to)
        bias = numbers(offsets[k], n_out, like)
        for i in range(n_out):
            b = simd.spread(bias, i)
            simd.store(target, t + i * width, b)
            simd.store(target, t + i * width + simd.lanes(like), b)
        weight = numbers(weights[k], n_out * n_in, like)
        add_product(weight, n_in, 1, n_out, n_in, at, o, target, t)
        if not last:
            e = to + n_out * width
            if len(curve):
                gate_twice(at[to:e], slope[to:e], curve[to:e])
            else:
                gate(at[to:e], slope[to:e])
        o = to


@numba.njit(**FAST)
def back(like, weights, sizes, slope, o, one, other, kept):  # type: ignore[no-untyped-def]
    """From a gradient by the outputs, in ``one``, to that by the input, which is left there.

    Where ``kept`` has room, the gradients by what comes out of each layer are kept.
    """
    width = 2 * simd.lanes(like)
    o += ends_at(sizes) * width
    for k in range(len(weights) - 1, -1, -1):
        n_in, n_out = sizes[k], sizes[k + 1]
        o -= n_in * width
        other[: n_in * width] = 0
        weight = numbers(weights[k], n_out * n_in, like)
        add_product(weight, 1, n_in, n_in, n_out, one, 0, other, 0)
        if len(kept):
            kept[o : o + n_in * width] = other[: n_in * width]
        if k:
            times(other, slope[o : o + n_in * width], one)
        else:
            one[: n_in * width] = other[: n_in * width]


@numba.njit(**FAST)
def ends_at(sizes):  # type: ignore[no-untyped-def]
    """How many numbers of each row are kept: all but the outputs."""
    total = 0
    for k in range(len(sizes) - 1):
        total += sizes[k]
    return total


@numba.njit(**FAST)
def value_and_gradient(like, weights, offsets, sizes, y, value, grad, start, stop):  # type: ignore[no-untyped-def]
    """Values (n,) and gradients (n, d) of rows (n, d), from a row to another."""
    width, widest = 2 * simd.lanes(like), max(sizes)
    at = np.empty(ends_at(sizes) * width, like.dtype)
    slope = np.empty(len(at), like.dtype)
    one, other = np.empty((2, widest * width), like.dtype)
    nothing = np.empty(0, like.dtype)
    for first in range(start, stop, width):
        count = min(width, stop - first)
        gather(like, y, sizes[0], first, count, at, 0)
        forth(like, weights, offsets, sizes, at, slope, nothing, 0, one)
        scatter(like, one, 1, first, count, value)
        one[:width] = 1
        back(like, weights, sizes, slope, 0, one, other, nothing)
        scatter(like, one, sizes[0], first, count, grad)


@numba.njit(**FAST)
def values(like, weights, offsets, sizes, y, value, at, slope, start, stop):  # type: ignore[no-untyped-def]
    """Values (n,) of rows (n, d), from a row to another, with all that training them needs kept."""
    width = 2 * simd.lanes(like)
    size = ends_at(sizes) * width
    out, nothing = np.empty(width, like.dtype), np.empty(0, like.dtype)
    for first in range(start, stop, width):
        o, count = first // width * size, min(width, stop - first)
        gather(like, y, sizes[0], first, count, at, o)
        forth(like, weights, offsets, sizes, at, slope, nothing, o, out)
        scatter(like, out, 1, first, count, value)


@numba.njit(**FAST)
def gradients(like, weights, offsets, sizes, y, grad, at, slope, curve, pull, start, stop):  # type: ignore[no-untyped-def]
    """Gradients (n, d) of rows (n, d), with all that training them needs kept."""
    width, widest = 2 * simd.lanes(like), max(sizes)
    size = ends_at(sizes) * width
    one, other = np.empty((2, widest * width), like.dtype)
    for first in range(start, stop, width):
        o, count = first // width * size, min(width, stop - first)
        gather(like, y, sizes[0], first, count, at, o)
        forth(like, weights, offsets, sizes, at, slope, curve, o, one)
        one[:width] = 1
        back(like, weights, sizes, slope, o, one, other, pull)
        scatter(like, one, sizes[0], first, count, grad)
