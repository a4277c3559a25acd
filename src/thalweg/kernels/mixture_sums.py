"""An expectation step of Gaussian components over complete rows, in one pass over them.

A component's energy is linear in the coordinates of a row and in the products of them that its
covariance has, and so are the sums that the next components are made of: two small matrix products
with responsibilities between, block after block as in :mod:`thalweg.kernels.perceptron`. Rows are
summed in parts of one size, each on its own, so that threads do not change a bit.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from thalweg.kernels import simd
from thalweg.kernels.gates import exponential
from thalweg.kernels.perceptron import FAST, add_product
from thalweg.kernels.perceptron_training import add_outer, add_rows, collect_layer, columns

ROWS_OF_A_PART = 512


@numba.njit(**FAST)
def room(k, n_terms, width):  # type: ignore[no-untyped-def]
    """How many numbers the sums of a part are: of terms, of counts, and the free energy."""
    return k * (columns(n_terms, width) + 1) + 1


@numba.njit(**FAST)
def expected(like, slope, constant, i, j, y, shift, beta, weight, sums, start, stop):  # type: ignore[no-untyped-def]
    """Sums over some parts of rows (n, d), each row counted by weight (n,) where there is one.

    Energies are constant (k,) + slope (k, P) times the terms: y - shift, and its products i, j.
    """
    width = 2 * simd.lanes(like)
    n, d = y.shape
    k, n_terms = slope.shape
    flat = slope.reshape(-1)
    terms, scores = np.empty(n_terms * width, like.dtype), np.empty(k * width, like.dtype)
    tile = np.zeros(width * width, like.dtype)
    lowest, mass = np.empty(width, like.dtype), np.empty(width, like.dtype)
    for part in range(start, stop):
        mine = sums[part]
        mine[:] = 0
        end = min((part + 1) * ROWS_OF_A_PART, n)
        for first in range(part * ROWS_OF_A_PART, end, width):
            count = min(width, end - first)
            for r in range(width):
                row = first + min(r, count - 1)
                for c in range(d):
                    terms[c * width + r] = y[row, c] - shift[c]
            for q in range(len(i)):
                multiply(terms, i[q] * width, j[q] * width, (d + q) * width)
            for z in range(k):
                level = simd.spread(constant, z)
                simd.store(scores, z * width, level)
                simd.store(scores, z * width + simd.lanes(like), level)
            add_product(flat, n_terms, 1, k, n_terms, terms, 0, scores, 0)
            share(like, scores, k, beta, lowest, mass)
            for r in range(count):
                value = lowest[r] - math.log(mass[r]) / beta
                mine[-1] += value * weight[first + r] if len(weight) else value
            for r in range(width):
                counted = like.dtype.type(1)
                if len(weight):
                    counted = weight[first + min(r, count - 1)]
                mass[r] = counted / mass[r] if r < count else like.dtype.type(0)
            for z in range(k):
                scale(scores, z * width, mass)
            add_rows(like, scores, k, mine, k * columns(n_terms, width))
            add_outer(like, scores, k, terms, 0, n_terms, mine, 0, tile)


@numba.njit(**FAST)
def multiply(terms, a, b, to):  # type: ignore[no-untyped-def]
    lanes = simd.lanes(terms)
    for o in (0, lanes):
        product = simd.multiply(simd.load(terms, a + o), simd.load(terms, b + o))
        simd.store(terms, to + o, product)


@numba.njit(**FAST)
def scale(scores, o, mass):  # type: ignore[no-untyped-def]
    lanes = simd.lanes(scores)
    for a in (0, lanes):
        product = simd.multiply(simd.load(scores, o + a), simd.load(mass, a))
        simd.store(scores, o + a, product)


@numba.njit(**FAST)
def share(like, scores, k, beta, lowest, mass):  # type: ignore[no-untyped-def]
    """Energies (k, WIDTH) become exp(-beta (E - least)), with their least and their sum."""
    lanes = simd.lanes(like)
    width = 2 * lanes
    cold = simd.splat(like, like.dtype.type(-beta))
    for o in (0, lanes):
        low = simd.load(scores, o)
        for z in range(1, k):
            here = simd.load(scores, z * width + o)
            low = simd.where_greater(low, here, here, low)
        simd.store(lowest, o, low)
        for z in range(k):
            above = simd.subtract(simd.load(scores, z * width + o), low)
            simd.store(scores, z * width + o, simd.multiply(cold, above))
    for q in range(k * width):
        scores[q] = exponential(scores[q])
    for o in (0, lanes):
        total = simd.load(scores, o)
        for z in range(1, k):
            total = simd.add(total, simd.load(scores, z * width + o))
        simd.store(mass, o, total)


@numba.njit(**FAST)
def collect(like, sums, k, n_terms, by_terms, counts):  # type: ignore[no-untyped-def]
    """Add the parts' sums, in order, to (k, P) and (k,); the sum of free energies is returned."""
    width = 2 * simd.lanes(like)
    here = np.empty(k * n_terms, like.dtype)
    value = like.dtype.type(0)
    for part in range(len(sums)):
        collect_layer(sums[part], 0, k, n_terms, width, here)
        for a in range(k):
            counts[a] += sums[part, k * columns(n_terms, width) + a]
            for b in range(n_terms):
                by_terms[a, b] += here[a * n_terms + b]
        value += sums[part, -1]
    return value
