r"""Draws of bits, each with a log odds of its own, and sweeps over a machine of two layers of them.

.. math::
    P(b = 1) = \frac{1}{1 + e^{-f}}
"""

from __future__ import annotations

import math

import numba
import numpy as np

from thalweg.kernels import simd
from thalweg.kernels.gates import exponential
from thalweg.kernels.perceptron import FAST, add_product, gather, numbers, scatter

FACTORS = 64
"""Numbers between 1 and 2 whose product any type holds"""


@numba.njit(**FAST)
def choose(like, field, u, half):  # type: ignore[no-untyped-def]
    """Bits of log odds ``field`` in place of the numbers u from [0, 1), which lie 2 ``half`` apart.

    What is compared is the middle between two of them: a bit that is never 1 must not be 1 where u
    is 0.
    """
    one, none, middle = like.dtype.type(1), like.dtype.type(0), like.dtype.type(half)
    for i in range(len(u)):
        u[i] = one if (u[i] + middle) * (one + exponential(-field[i])) <= one else none


@numba.njit(**FAST)
def sweeps(  # type: ignore[no-untyped-def]
    like, weights, visible_bias, hidden_bias, d, k, half, y, hidden, visible, energy, start, stop
):  # fmt: skip
    """Sweeps of block Gibbs from y, each with numbers of [0, 1) in ``hidden`` and ``visible``.

    These, (s, n k) and (s, n d), become the bits after each sweep, and ``energy`` (s, n) is that of
    the visible ones. The machine comes as the addresses of W (d, k) and of the biases.
    """
    width = 2 * simd.lanes(like)
    w = numbers(weights, d * k, like)
    a, b = numbers(visible_bias, d, like), numbers(hidden_bias, k, like)
    v, field_v = np.empty((2, d * width), like.dtype)
    h, field_h = np.empty((2, k * width), like.dtype)
    total = np.empty(width, like.dtype)
    for first in range(start, stop, width):
        count = min(width, stop - first)
        gather(like, y, d, first, count, v, 0)
        fields(like, w, 1, k, b, k, d, v, field_h)
        for s in range(len(energy)):
            gather(like, hidden[s], k, first, count, h, 0)
            choose(like, field_h, h, half)
            scatter(like, h, k, first, count, hidden[s])
            fields(like, w, k, 1, a, d, k, h, field_v)
            gather(like, visible[s], d, first, count, v, 0)
            choose(like, field_v, v, half)
            scatter(like, v, d, first, count, visible[s])
            # what the new bits say to the hidden units is for their energy, and for the next sweep
            fields(like, w, 1, k, b, k, d, v, field_h)
            softplus_sum(like, field_h, k, width, total)
            for j in range(d):
                for r in range(width):
                    total[r] += a[j] * v[j * width + r]
            for r in range(count):
                energy[s, first + r] = -total[r]


@numba.njit(**FAST)
def fields(like, w, across, along, bias, n_out, n_in, bits, field):  # type: ignore[no-untyped-def]
    """What the units of one layer say to each of the other, (n_out, WIDTH)."""
    lanes = simd.lanes(like)
    for i in range(n_out):
        b = simd.spread(bias, i)
        simd.store(field, 2 * i * lanes, b)
        simd.store(field, (2 * i + 1) * lanes, b)
    add_product(w, across, along, n_out, n_in, bits, 0, field, 0)


@numba.njit(**FAST)
def softplus_sum(like, field, k, width, total):  # type: ignore[no-untyped-def]
    """The sum of log(1 + e^f) over units, a logarithm for many: max(f, 0) + log(1 + e^-|f|)."""
    one, none = like.dtype.type(1), like.dtype.type(0)
    product = np.empty(width, like.dtype)
    for r in range(width):
        total[r] = none
    for start in range(0, k, FACTORS):
        for r in range(width):
            product[r] = one
        for i in range(start, min(start + FACTORS, k)):
            for r in range(width):
                f = field[i * width + r]
                total[r] += f if f > none else none
                product[r] *= one + exponential(-abs(f))
        for r in range(width):
            total[r] += math.log(product[r])
