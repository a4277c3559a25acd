"""Normal components of rows with hidden entries: what their sums are, and what fills them in.

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


def conditionals(y: Floats, bias: Floats, means: Floats, factors: Floats) -> tuple[Floats, Floats]:
    """Marginal energies (k, n), and rows (k, n, d) whose hidden entries are at their mean given
    the others, under each component; parameters as of :func:`expected_sums`."""
    n, d = y.shape
    precisions = factors @ factors.transpose(0, 2, 1)
    energies, filled = np.empty((len(means), n)), np.empty((len(means), n, d))

    def work(start: int, stop: int) -> None:
        _conditionals(y, bias, means, factors, precisions, start, stop, energies, filled)

    over_blocks(work, n)
    return energies, filled


_compiled = numba.njit(
    nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"}
)


@_compiled
def _sums(  # type: ignore[no-untyped-def]
    y, weight, bias, means, factors, precisions, about, beta, start, stop, counts, sums, products
):
    k, d = means.shape
    e, energy, blocks = np.zeros((k, d)), np.zeros(k), np.zeros((k, d, d))
    spare, hidden = np.zeros(d), np.zeros(d, np.int64)
    total = 0.0
    for row in range(start, stop):
        m = _hidden(y, row, hidden)
        lowest = np.inf
        for c in range(k):
            energy[c] = bias[c] + _energy(
                y, row, means, factors, precisions, c, hidden, m, blocks, e, spare
            )
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
            for j in range(d):
                e[c, j] += means[c, j] - about[c, j]
                sums[c, j] += share * e[c, j]
            for i in range(d):
                scaled = share * e[c, i]
                for j in range(i + 1):
                    products[c, i, j] += scaled * e[c, j]
            # the conditional covariance, column by column
            for i in range(m):
                for j in range(m):
                    spare[j] = 1.0 if i == j else 0.0
                _solve(blocks, c, m, spare)
                for j in range(i + 1):
                    products[c, hidden[i], hidden[j]] += share * spare[j]
    return total


@_compiled
def _conditionals(  # type: ignore[no-untyped-def]
    y, bias, means, factors, precisions, start, stop, energies, filled
):
    k, d = means.shape
    e, blocks = np.zeros((k, d)), np.zeros((k, d, d))
    spare, hidden = np.zeros(d), np.zeros(d, np.int64)
    for row in range(start, stop):
        m = _hidden(y, row, hidden)
        for c in range(k):
            energies[c, row] = bias[c] + _energy(
                y, row, means, factors, precisions, c, hidden, m, blocks, e, spare
            )
            for j in range(d):
                filled[c, row, j] = y[row, j]
            for i in range(m):
                filled[c, row, hidden[i]] = means[c, hidden[i]] + e[c, hidden[i]]


@_compiled
def _hidden(y, row, hidden):  # type: ignore[no-untyped-def]
    """Put the numbers of the hidden coordinates into ``hidden``; how many there are."""
    m = 0
    for j in range(y.shape[1]):
        if np.isnan(y[row, j]):
            hidden[m] = j
            m += 1
    return m


@_compiled
def _energy(  # type: ignore[no-untyped-def]
    y, row, means, factors, precisions, c, hidden, m, blocks, e, spare
):
    """Half of square, log determinant and constant; y - mu into e[c], hidden coordinates at their
    conditional mean, and the Cholesky factor of P_hh into blocks[c], its diagonal inverted."""
    d = y.shape[1]
    for j in range(d):
        e[c, j] = 0.0 if np.isnan(y[row, j]) else y[row, j] - means[c, j]
    log_det = 0.0
    for i in range(m):
        at, known = hidden[i], 0.0
        for j in range(d):
            known += precisions[c, at, j] * e[c, j]
        spare[i] = -known
        for j in range(i + 1):
            value = precisions[c, at, hidden[j]]
            for p in range(j):
                value -= blocks[c, i, p] * blocks[c, j, p]
            if i == j:
                log_det += math.log(value)
                blocks[c, i, i] = 1 / math.sqrt(value)
            else:
                blocks[c, i, j] = value * blocks[c, j, j]
    _solve(blocks, c, m, spare)
    for i in range(m):
        e[c, hidden[i]] = spare[i]
    # as a sum of squares at the conditional mean: nothing cancels
    for j in range(d):
        spare[j] = 0.0
    for i in range(d):
        at_i = e[c, i]
        for j in range(i + 1):
            spare[j] += factors[c, i, j] * at_i
    square = 0.0
    for j in range(d):
        square += spare[j] * spare[j]
    return 0.5 * (square + log_det + (d - m) * math.log(2 * math.pi))


@_compiled
def _solve(factors, c, m, right):  # type: ignore[no-untyped-def]
    """(L L^T)^-1 right in place, with L the factor of component c, its diagonal inverted."""
    for i in range(m):
        for p in range(i):
            right[i] -= factors[c, i, p] * right[p]
        right[i] *= factors[c, i, i]
    for i in range(m - 1, -1, -1):
        for p in range(i + 1, m):
            right[i] -= factors[c, p, i] * right[p]
        right[i] *= factors[c, i, i]
