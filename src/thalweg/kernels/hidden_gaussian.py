"""Sums of expectation maximization for normal components, where rows have hidden entries.

For a row with hidden coordinates h, and e = y - mu with 0 at h, everything follows from the hidden
block of the precision matrix P: the conditional mean is -P_hh^-1 (Pe)_h, the conditional
covariance P_hh^-1, the marginal square that of e with the conditional mean at h. Few entries are
hidden in most rows, so the block is small.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from thalweg.kernels.threads import over_blocks

BLOCK = 256
"""Rows whose sums are taken together; sums of blocks are added in order."""

Floats = NDArray[np.float64]


def expected_sums(
    y: Floats,
    weight: Floats,
    bias: Floats,
    means: Floats,
    factors: Floats,
    about: Floats,
    beta: float,
) -> tuple[Floats, Floats, Floats, float]:
    """Expected sums over z and the hidden entries, given the visible ones.

    Parameters
    ----------
    y : array (n, d)
        NaN where hidden.
    weight : array (n,)
        How much each row counts.
    bias : array (k,)
        ``-log pi_z - log det P_z / 2``.
    means : array (k, d)
    factors : array (k, d, d)
        L, lower triangular with P = L L^T.
    about : array (k, d)
        What is subtracted before sums and products are taken: near the means, nothing cancels.
    beta : float
        Responsibilities are proportional to exp(-beta E).

    Returns
    -------
    counts (k,), sums (k, d), products (k, d, d), and the weighted sum of the free energies.
    """
    n, d = y.shape
    k = len(means)
    precisions = factors @ factors.transpose(0, 2, 1)
    blocks = -(-n // BLOCK)
    counts, loss = np.zeros((blocks, k)), np.zeros(blocks)
    sums, products = np.zeros((blocks, k, d)), np.zeros((blocks, k, d, d))

    def work(start: int, stop: int) -> None:
        for first in range(start, stop, BLOCK):
            b = first // BLOCK
            loss[b] = _sums(
                y, weight, bias, means, factors, precisions, about, beta,
                first, min(first + BLOCK, stop), counts[b], sums[b], products[b],
            )  # fmt: skip

    over_blocks(work, n, BLOCK)
    lower = products.sum(axis=0)
    whole = lower + np.tril(lower, -1).transpose(0, 2, 1)
    return counts.sum(axis=0), sums.sum(axis=0), whole, float(loss.sum())


@numba.njit(nogil=True, cache=True)
def _sums(  # type: ignore[no-untyped-def]
    y, weight, bias, means, factors, precisions, about, beta, start, stop, counts, sums, products
):
    k, d = means.shape
    filled = np.zeros((k, d))
    energy = np.zeros(k)
    inverses = np.zeros((k, d, d))
    slope = np.zeros(d)
    hidden = np.zeros(d, np.int64)
    factor = np.zeros((d, d))
    total = 0.0
    for row in range(start, stop):
        m = 0
        for j in range(d):
            if np.isnan(y[row, j]):
                hidden[m] = j
                m += 1
        lowest = np.inf
        for c in range(k):
            e = filled[c]
            for j in range(d):
                e[j] = 0.0 if np.isnan(y[row, j]) else y[row, j] - means[c, j]
            log_det = 0.0
            if m > 0:
                for i in range(d):
                    value = 0.0
                    for j in range(d):
                        value += precisions[c, i, j] * e[j]
                    slope[i] = value
                log_det = _conditional(precisions[c], slope, hidden, m, factor, inverses[c], e)
            # as a sum of squares at the conditional mean: nothing cancels
            square = 0.0
            for j in range(d):
                value = 0.0
                for i in range(j, d):
                    value += factors[c, i, j] * e[i]
                square += value * value
            seen = d - m
            energy[c] = bias[c] + 0.5 * (square + log_det + seen * math.log(2 * math.pi))
            lowest = min(lowest, energy[c])
        mass = 0.0
        for c in range(k):
            # at beta = inf the component of least energy has it all
            above = energy[c] - lowest
            energy[c] = 1.0 if above == 0 else math.exp(-beta * above)
            mass += energy[c]
        total += weight[row] * (lowest - math.log(mass) / beta)
        for c in range(k):
            share = weight[row] * energy[c] / mass
            if share < 1e-14 * weight[row]:
                continue
            counts[c] += share
            e = filled[c]
            for j in range(d):
                e[j] += means[c, j] - about[c, j]
                sums[c, j] += share * e[j]
            for i in range(d):
                scaled = share * e[i]
                for j in range(i + 1):
                    products[c, i, j] += scaled * e[j]
            for i in range(m):
                for j in range(i + 1):
                    products[c, hidden[i], hidden[j]] += share * inverses[c, i, j]
    return total


@numba.njit(nogil=True, cache=True)
def _conditional(precision, slope, hidden, m, factor, inverse, e):  # type: ignore[no-untyped-def]
    """Put the conditional mean into e at hidden coordinates; P_hh^-1, and log det P_hh."""
    log_det = 0.0
    for i in range(m):
        for j in range(i + 1):
            value = precision[hidden[i], hidden[j]]
            for p in range(j):
                value -= factor[i, p] * factor[j, p]
            if i == j:
                factor[i, i] = math.sqrt(value)
                log_det += 2 * math.log(factor[i, i])
            else:
                factor[i, j] = value / factor[j, j]
    for column in range(m):
        for i in range(m):
            value = 1.0 if i == column else 0.0
            for p in range(i):
                value -= factor[i, p] * inverse[p, column]
            inverse[i, column] = value / factor[i, i]
        for i in range(m - 1, -1, -1):
            value = inverse[i, column]
            for p in range(i + 1, m):
                value -= factor[p, i] * inverse[p, column]
            inverse[i, column] = value / factor[i, i]
    for i in range(m):
        value = 0.0
        for j in range(m):
            value -= inverse[i, j] * slope[hidden[j]]
        e[hidden[i]] = value
    return log_det
