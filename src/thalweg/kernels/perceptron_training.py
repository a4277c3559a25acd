"""What a SiLU network's parameters learn from its values, or from its gradients, at some rows.

Rows are summed in parts of one size, each on its own, and the parts in order, so that sums do not
depend on which thread took which part. A part's sums lie layer by layer: panels of WIDTH columns of
the weight's gradient, and then that of the offset (:func:`room`).
"""

from __future__ import annotations

import numba
import numpy as np

from thalweg.kernels import simd
from thalweg.kernels.perceptron import FAST, add_product, ends_at, gather, numbers, times

NARROW = 8
"""Inputs of a layer up to which inner products are better than panels"""


@numba.njit(**FAST)
def columns(n_in, width):  # type: ignore[no-untyped-def]
    """How many columns the sums of a layer have: whole panels, unless it is narrow."""
    return n_in if n_in <= NARROW else -(-n_in // width) * width


@numba.njit(**FAST)
def room(sizes, width):  # type: ignore[no-untyped-def]
    """How many numbers the sums of a part are."""
    total = 0
    for k in range(len(sizes) - 1):
        total += sizes[k + 1] * (columns(sizes[k], width) + 1)
    return total


@numba.njit(**FAST)
def add_outer(like, one, n_out, rows, o, n_in, sums, s, tile):  # type: ignore[no-untyped-def]
    """Add the sum over rows of one (n_out, WIDTH) times rows (n_in, WIDTH) to a layer's sums."""
    lanes = simd.lanes(like)
    width = 2 * lanes
    if n_in <= NARROW:
        for i in range(n_out):
            a0 = simd.load(one, i * width)
            a1 = simd.load(one, i * width + lanes)
            for j in range(n_in):
                t = simd.multiply(a0, simd.load(rows, o + j * width))
                t = simd.fused_multiply_add(a1, simd.load(rows, o + j * width + lanes), t)
                sums[s + i * n_in + j] += simd.total(t)
        return
    for first in range(0, n_in, width):
        count = min(width, n_in - first)
        for j in range(count):
            for r in range(width):
                tile[r * width + j] = rows[o + (first + j) * width + r]
        add_product(one, width, 1, n_out, width, tile, 0, sums, s + first * n_out)


@numba.njit(**FAST)
def add_rows(like, one, n_out, sums, s):  # type: ignore[no-untyped-def]
    """Add the sum over rows of one (n_out, WIDTH) to an offset's sums."""
    lanes = simd.lanes(like)
    for i in range(n_out):
        both = simd.add(simd.load(one, i * 2 * lanes), simd.load(one, i * 2 * lanes + lanes))
        sums[s + i] += simd.total(both)


@numba.njit(**FAST)
def gather_or_nothing(like, rows, d, first, count, out):  # type: ignore[no-untyped-def]
    """Rows side by side, and 0 where there are no more."""
    width = 2 * simd.lanes(like)
    gather(like, rows, d, first, count, out, 0)
    for j in range(d):
        out[j * width + count : (j + 1) * width] = 0


@numba.njit(**FAST)
def learn_values(like, weights, sizes, upstream, at, slope, sums, rows_of_a_part, start, stop):  # type: ignore[no-untyped-def]
    """From gradients by the values (n,) to those by all parameters, for some parts of rows."""
    width, widest, depth, n = 2 * simd.lanes(like), max(sizes), len(sizes) - 1, len(upstream)
    size = ends_at(sizes) * width
    one, other = np.empty((2, widest * width), like.dtype)
    tile = np.zeros(width * width, like.dtype)
    for part in range(start, stop):
        mine = sums[part]
        mine[:] = 0
        end = min((part + 1) * rows_of_a_part, n)
        for first in range(part * rows_of_a_part, end, width):
            gather_or_nothing(like, upstream, 1, first, min(width, end - first), one)
            o, s = (first // width + 1) * size, len(mine)
            for k in range(depth - 1, -1, -1):
                n_in, n_out = sizes[k], sizes[k + 1]
                o -= n_in * width
                s -= n_out
                add_rows(like, one, n_out, mine, s)
                s -= n_out * columns(n_in, width)
                add_outer(like, one, n_out, at, o, n_in, mine, s, tile)
                if k:
                    other[: n_in * width] = 0
                    weight = numbers(weights[k], n_out * n_in, like)
                    add_product(weight, 1, n_in, n_in, n_out, one, 0, other, 0)
                    times(other, slope[o : o + n_in * width], one)


@numba.njit(**FAST)
def learn_gradients(  # type: ignore[no-untyped-def]
    like, weights, sizes, upstream, at, slope, curve, pull, sums, rows_of_a_part, start, stop
):
    """From gradients by gradients (n, d) to those by all parameters.

    What is wanted is the gradient of the value's derivative along the upstream: a tangent goes
    forth, and what it depends on comes back.
    """
    width, widest, depth = 2 * simd.lanes(like), max(sizes), len(sizes) - 1
    d = sizes[0]
    n, size = len(upstream) // d, ends_at(sizes) * width
    # tangents of what comes out of the layers, and of their fields
    tangent, fields = np.empty((2, size), like.dtype)
    one, other, by_field = np.empty((3, widest * width), like.dtype)
    tile = np.zeros(width * width, like.dtype)
    for part in range(start, stop):
        mine = sums[part]
        mine[:] = 0
        end = min((part + 1) * rows_of_a_part, n)
        for first in range(part * rows_of_a_part, end, width):
            gather_or_nothing(like, upstream, d, first, min(width, end - first), tangent)
            base = first // width * size
            o = 0
            for k in range(depth - 1):
                n_in, n_out = sizes[k], sizes[k + 1]
                to = o + n_in * width
                e = to + n_out * width
                fields[to:e] = 0
                weight = numbers(weights[k], n_out * n_in, like)
                add_product(weight, n_in, 1, n_out, n_in, tangent, o, fields, to)
                times(fields[to:e], slope[base + to : base + e], tangent[to:e])
                o = to
            one[:width] = 1
            s = len(mine) - 1 - columns(sizes[depth - 1], width)
            add_outer(like, one, 1, tangent, o, sizes[depth - 1], mine, s, tile)
            # what the fields of a layer get back, by their values and by their tangents
            other[: sizes[depth - 1] * width] = 0
            for k in range(depth - 2, -1, -1):
                n_in, n_out = sizes[k], sizes[k + 1]
                returned(
                    other, slope, curve, pull, base + o, fields, o, n_out * width, one, by_field
                )
                o -= n_in * width
                s -= n_out
                add_rows(like, by_field, n_out, mine, s)
                s -= n_out * columns(n_in, width)
                add_outer(like, one, n_out, tangent, o, n_in, mine, s, tile)
                add_outer(like, by_field, n_out, at, base + o, n_in, mine, s, tile)
                if k:
                    other[: n_in * width] = 0
                    weight = numbers(weights[k], n_out * n_in, like)
                    add_product(weight, 1, n_in, n_in, n_out, by_field, 0, other, 0)


@numba.njit(**FAST)
def returned(by_value, slope, curve, pull, base, fields, o, n, by_tangent, by_field):  # type: ignore[no-untyped-def]
    """Gradients by a layer's fields, from those by what comes out of it and by its tangents.

    What is kept begins at ``base``, and fields at ``o``; LLVM would not dare to do it side by side.
    """
    for i in range(0, n, simd.lanes(slope)):
        up, back = simd.load(slope, base + i), simd.load(pull, base + i)
        bent = simd.multiply(simd.multiply(back, simd.load(fields, o + i)),
                             simd.load(curve, base + i))  # fmt: skip
        simd.store(by_tangent, i, simd.multiply(back, up))
        simd.store(by_field, i, simd.fused_multiply_add(simd.load(by_value, i), up, bent))


@numba.njit(**FAST)
def add_to(total, part):  # type: ignore[no-untyped-def]
    for i in range(len(part)):
        total[i] += part[i]


@numba.njit(**FAST)
def collect_layer(sums, s, n_out, n_in, width, out):  # type: ignore[no-untyped-def]
    """A layer's sums, from s, out of their panels: (n_out n_in,)."""
    panel = n_in if n_in <= NARROW else width
    for first in range(0, n_in, panel):
        for i in range(n_out):
            for j in range(min(panel, n_in - first)):
                out[i * n_in + first + j] = sums[s + first * n_out + i * panel + j]


@numba.njit(**FAST)
def collect(like, sums, sizes, by_weights, by_offsets):  # type: ignore[no-untyped-def]
    """The parts' sums, in order, to gradients (n_out, n_in) and (n_out,) at some addresses."""
    width = 2 * simd.lanes(like)
    total, s = sums[0], 0
    for part in range(1, len(sums)):
        add_to(total, sums[part])
    for k in range(len(sizes) - 1):
        n_in, n_out = sizes[k], sizes[k + 1]
        collect_layer(total, s, n_out, n_in, width, numbers(by_weights[k], n_out * n_in, like))
        s += n_out * columns(n_in, width)
        by_offset = numbers(by_offsets[k], n_out, like)
        for i in range(n_out):
            by_offset[i] = total[s + i]
        s += n_out
