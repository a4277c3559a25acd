"""Products of atoms with one another, and with what is left of a row: a register for many atoms."""

from __future__ import annotations

import numba

from thalweg.kernels import simd

TILE_REGISTERS = 4
"""Registers of correlations that stay in the processor while the active atoms pass by."""


@numba.njit(nogil=True, cache=True)
def gram_row(gram, atoms, shown, count, width, new):  # type: ignore[no-untyped-def]
    """Row ``new`` of G, from the coordinates that are shown: tiles of four registers."""
    lanes = simd.lanes(gram)
    zero = simd.splat(gram, gram.dtype.type(0))
    for j in range(0, width, TILE_REGISTERS * lanes):
        s0 = zero
        s1 = zero
        s2 = zero
        s3 = zero
        for i in range(count):
            o = shown[i] * width + j
            u = simd.spread(atoms, shown[i] * width + new)
            s0 = simd.fused_multiply_add(u, simd.load(atoms, o), s0)
            s1 = simd.fused_multiply_add(u, simd.load(atoms, o + lanes), s1)
            s2 = simd.fused_multiply_add(u, simd.load(atoms, o + 2 * lanes), s2)
            s3 = simd.fused_multiply_add(u, simd.load(atoms, o + 3 * lanes), s3)
        q = new * width + j
        simd.store(gram, q, s0)
        simd.store(gram, q + lanes, s1)
        simd.store(gram, q + 2 * lanes, s2)
        simd.store(gram, q + 3 * lanes, s3)


@numba.njit(nogil=True, cache=True)
def correlations(gram, b, active, z, m, c, index, nonnegative):  # type: ignore[no-untyped-def]
    """c = b - G z, and the atom with the largest (in absolute value): tiles of four registers."""
    lanes = simd.lanes(b)
    width = len(c)
    best = simd.splat(b, b.dtype.type(-1))
    which = simd.splat(index, index.dtype.type(0))
    zero = simd.splat(b, b.dtype.type(0))
    here = simd.iota(index)
    step = simd.splat(index, index.dtype.type(lanes))
    for j in range(0, width, TILE_REGISTERS * lanes):
        s0 = simd.load(b, j)
        s1 = simd.load(b, j + lanes)
        s2 = simd.load(b, j + 2 * lanes)
        s3 = simd.load(b, j + 3 * lanes)
        for i in range(m):
            o = active[i] * width + j
            u = simd.splat(b, b.dtype.type(-z[i]))
            s0 = simd.fused_multiply_add(u, simd.load(gram, o), s0)
            s1 = simd.fused_multiply_add(u, simd.load(gram, o + lanes), s1)
            s2 = simd.fused_multiply_add(u, simd.load(gram, o + 2 * lanes), s2)
            s3 = simd.fused_multiply_add(u, simd.load(gram, o + 3 * lanes), s3)
        simd.store(c, j, s0)
        simd.store(c, j + lanes, s1)
        simd.store(c, j + 2 * lanes, s2)
        simd.store(c, j + 3 * lanes, s3)
        if not nonnegative:
            s0 = simd.where_greater(s0, zero, s0, simd.subtract(zero, s0))
            s1 = simd.where_greater(s1, zero, s1, simd.subtract(zero, s1))
            s2 = simd.where_greater(s2, zero, s2, simd.subtract(zero, s2))
            s3 = simd.where_greater(s3, zero, s3, simd.subtract(zero, s3))
        which = simd.where_greater(s0, best, here, which)
        best = simd.where_greater(s0, best, s0, best)
        here = simd.integer_add(here, step)
        which = simd.where_greater(s1, best, here, which)
        best = simd.where_greater(s1, best, s1, best)
        here = simd.integer_add(here, step)
        which = simd.where_greater(s2, best, here, which)
        best = simd.where_greater(s2, best, s2, best)
        here = simd.integer_add(here, step)
        which = simd.where_greater(s3, best, here, which)
        best = simd.where_greater(s3, best, s3, best)
        here = simd.integer_add(here, step)
    top = simd.highest(best)
    return top, simd.lowest_where_equal(best, simd.splat(b, top), which)
