"""Trees of the no-U-turn sampler: what happens to every chain between two gradients.

Each chain grows its own tree, at its own depth, and asks for the energy and the gradient at one
point at a time. The leaves of a branch are made one after the other. Each stretch of 2^j leaves,
aligned at a multiple of 2^j, is checked for a turn when it ends; what the check needs from its
first leaf is kept at the place that counts the ones in that leaf's number.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from thalweg.kernels.moves import dot, momentum, velocity
from thalweg.kernels.random_numbers import fraction, joined, words

Floats = NDArray[Any]

# rows of every chain, (VECTORS, n, d); a point is y, p, and the gradient
AT, LEFT, RIGHT, CHOSEN, FOUND, TREE, BRANCH, SCRATCH, WAY = 0, 3, 6, 9, 11, 13, 14, 15, 16
VECTORS = 17
# numbers of every chain, (NUMBERS, n)
LEVEL, TREE_WEIGHT, BRANCH_WEIGHT, CHOSEN_ENERGY, FOUND_ENERGY, ACCEPTANCE = range(6)
NUMBERS = 6
# whole numbers of every chain, (COUNTS, n)
ACTIVE, DIVERGED, MOVED, FORWARD, DEPTH, LEAF, LEAVES, DRAWN = range(8)
COUNTS = 8


class Trees:
    """The trees of n chains, and where each asks for a gradient next (``at``).

    Parameters
    ----------
    key : int
        Of the stream that random numbers come from.
    y, grad, noise : array (n, d)
        Of one type, single or double precision. Noise is standard normal: what momenta are of.
    energy : array (n,)
    step : array (n,)
    metric : arrays (d,) or (0,), (k, d), (k,)
        s, U^T and the diagonal of Lambda; no s is the unit matrix.
    max_doublings : int
    largest_rise : float
        Of the total energy, from which a trajectory has diverged.
    """

    def __init__(
        self,
        key: int,
        y: Floats,
        energy: Floats,
        grad: Floats,
        noise: Floats,
        step: Floats,
        metric: tuple[Floats, Floats, Floats],
        max_doublings: int,
        largest_rise: float,
    ) -> None:
        n, d = y.shape
        kind = y.dtype
        self.vectors = np.empty((VECTORS, n, d), kind)
        self.numbers, self.counts = np.zeros((NUMBERS, n), kind), np.zeros((COUNTS, n), np.int64)
        self._kept = np.empty((2, max_doublings + 1, n, d), kind)
        self._settings = step, *metric, np.int64(key), max_doublings, largest_rise
        _begin(y, energy, grad, noise, self.vectors, self.numbers, self.counts, *self._settings)

    @property
    def at(self) -> Floats:
        """Where energies and gradients are needed: (n, d), written over as trees grow."""
        at: Floats = self.vectors[AT]
        return at

    def grow(self, energy: Floats, grad: Floats) -> bool:
        """Go on with what was asked for; whether any chain asks again."""
        going: bool = _grow(
            energy, grad, self.vectors, self.numbers, self.counts, self._kept, *self._settings
        )
        return going


@numba.njit(inline="always")
def uniform_of(key, number, chain):  # type: ignore[no-untyped-def]
    """A number from [0, 1): of each chain its first, second, third ... (from 1 on)."""
    k0, k1 = np.uint32(key), np.uint32(np.uint64(key) >> np.uint64(32))
    a, b, _, _ = words(np.uint64(chain), np.uint64(number), k0, k1)
    return fraction(joined(a, b))


@numba.njit(nogil=True, cache=True)
def tree_uniform(key, number, chain):  # type: ignore[no-untyped-def]
    """As :func:`uniform_of`, to be called from Python."""
    return uniform_of(key, number, chain)


@numba.njit(inline="always")
def _next(key, counts, i):  # type: ignore[no-untyped-def]
    counts[DRAWN, i] += 1
    return uniform_of(key, counts[DRAWN, i], i)


@numba.njit(inline="always")
def _copy(vectors, source, to, parts, i):  # type: ignore[no-untyped-def]
    for part in range(parts):
        for j in range(vectors.shape[2]):
            vectors[to + part, i, j] = vectors[source + part, i, j]


@numba.njit(inline="always")
def _log_sum(a, b):  # type: ignore[no-untyped-def]
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


@numba.njit(inline="always", error_model="numpy")
def _depart(vectors, counts, i, step, scale, directions, values):  # type: ignore[no-untyped-def]
    """Half a kick and a drift, the way that the branch grows."""
    length = step[i] if counts[FORWARD, i] else -step[i]
    y, p, grad, v = vectors[AT, i], vectors[AT + 1, i], vectors[AT + 2, i], vectors[SCRATCH, i]
    half = length / 2
    for j in range(len(y)):
        p[j] -= half * grad[j]
    velocity(p, scale, directions, values, v)
    for j in range(len(y)):
        y[j] += length * v[j]


@numba.njit(inline="always", error_model="numpy")
def _branch_off(key, vectors, numbers, counts, i):  # type: ignore[no-untyped-def]
    """A new branch, at one end of the tree."""
    counts[FORWARD, i] = _next(key, counts, i) < 0.5
    counts[LEAF, i] = 0
    numbers[BRANCH_WEIGHT, i] = -math.inf
    for j in range(vectors.shape[2]):
        vectors[BRANCH, i, j] = 0
    _copy(vectors, RIGHT if counts[FORWARD, i] else LEFT, AT, 3, i)


@numba.njit(inline="always", error_model="numpy")
def _turned(way, left, right):  # type: ignore[no-untyped-def]
    return dot(way, left) <= 0 or dot(way, right) <= 0


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _begin(  # type: ignore[no-untyped-def]
    y, energy, grad, noise, vectors, numbers, counts,
    step, scale, directions, values, key, max_doublings, largest_rise,
):  # fmt: skip
    n, d = y.shape
    for i in range(n):
        p = vectors[AT + 1, i]
        momentum(noise[i], scale, directions, values, p)
        for j in range(d):
            vectors[AT, i, j], vectors[AT + 2, i, j] = y[i, j], grad[i, j]
            vectors[CHOSEN, i, j], vectors[CHOSEN + 1, i, j] = y[i, j], grad[i, j]
            vectors[TREE, i, j] = p[j]
        _copy(vectors, AT, LEFT, 3, i)
        _copy(vectors, AT, RIGHT, 3, i)
        # momenta of some noise have the noise's own length
        numbers[LEVEL, i] = energy[i] + dot(noise[i], noise[i]) / 2
        numbers[CHOSEN_ENERGY, i] = energy[i]
        counts[ACTIVE, i] = 1
        _branch_off(key, vectors, numbers, counts, i)
        _depart(vectors, counts, i, step, scale, directions, values)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _grow(  # type: ignore[no-untyped-def]
    energy, grad, vectors, numbers, counts, kept,
    step, scale, directions, values, key, max_doublings, largest_rise,
):  # fmt: skip
    going = False
    for i in range(vectors.shape[1]):
        if not counts[ACTIVE, i]:
            continue
        if not _leaf(
            energy, grad, vectors, numbers, counts, kept, i,
            step, scale, directions, values, key, largest_rise,
        ):  # fmt: skip
            counts[ACTIVE, i] = 0
            continue
        if counts[LEAF, i] == 1 << counts[DEPTH, i]:
            if not _join(vectors, numbers, counts, i, scale, directions, values, key):
                counts[ACTIVE, i] = 0
                continue
            counts[DEPTH, i] += 1
            if counts[DEPTH, i] == max_doublings:
                counts[ACTIVE, i] = 0
                continue
            _branch_off(key, vectors, numbers, counts, i)
        _depart(vectors, counts, i, step, scale, directions, values)
        going = True
    return going


@numba.njit(inline="always", error_model="numpy")
def _leaf(  # type: ignore[no-untyped-def]
    energy, grad, vectors, numbers, counts, kept, i,
    step, scale, directions, values, key, largest_rise,
):  # fmt: skip
    """A leaf joins its branch; False if the branch is given up."""
    p, slope, v, way = vectors[AT + 1, i], vectors[AT + 2, i], vectors[SCRATCH, i], vectors[WAY, i]
    half = (step[i] if counts[FORWARD, i] else -step[i]) / 2
    for j in range(len(p)):
        slope[j] = grad[i, j]
        p[j] -= half * slope[j]
    velocity(p, scale, directions, values, v)
    weight = numbers[LEVEL, i] - energy[i] - dot(p, v) / 2
    counts[LEAVES, i] += 1
    u = _next(key, counts, i)
    # a number that is not one compares as false
    if not (weight > -largest_rise and weight < math.inf):
        counts[DIVERGED, i] = 1
        return False
    numbers[ACCEPTANCE, i] += math.exp(min(weight, 0.0))
    total = _log_sum(numbers[BRANCH_WEIGHT, i], weight)
    if math.log(u) < weight - total:
        for j in range(len(p)):
            vectors[FOUND, i, j], vectors[FOUND + 1, i, j] = vectors[AT, i, j], slope[j]
        numbers[FOUND_ENERGY, i] = energy[i]
    numbers[BRANCH_WEIGHT, i] = total
    leaf, rho = counts[LEAF, i], vectors[BRANCH, i]
    if leaf % 2 == 0:
        place = _ones(leaf)
        for j in range(len(p)):
            kept[0, place, i, j], kept[1, place, i, j] = rho[j], p[j]
    for j in range(len(p)):
        rho[j] += p[j]
    counts[LEAF, i] = leaf + 1
    width = 2
    while (leaf + 1) % width == 0:
        place = _ones(leaf + 1 - width)
        for j in range(len(p)):
            v[j] = rho[j] - kept[0, place, i, j]
        velocity(v, scale, directions, values, way)
        if _turned(way, kept[1, place, i], p):
            return False
        width *= 2
    return True


@numba.njit(inline="always")
def _ones(number):  # type: ignore[no-untyped-def]
    count = 0
    while number:
        count += number & 1
        number >>= 1
    return count


@numba.njit(inline="always", error_model="numpy")
def _join(vectors, numbers, counts, i, scale, directions, values, key):  # type: ignore[no-untyped-def]
    """A whole branch joins the tree; False if the tree has turned."""
    share = math.exp(min(numbers[BRANCH_WEIGHT, i] - numbers[TREE_WEIGHT, i], 0.0))
    if _next(key, counts, i) < share:
        _copy(vectors, FOUND, CHOSEN, 2, i)
        numbers[CHOSEN_ENERGY, i] = numbers[FOUND_ENERGY, i]
        counts[MOVED, i] = 1
    numbers[TREE_WEIGHT, i] = _log_sum(numbers[TREE_WEIGHT, i], numbers[BRANCH_WEIGHT, i])
    _copy(vectors, AT, RIGHT if counts[FORWARD, i] else LEFT, 3, i)
    rho, way = vectors[TREE, i], vectors[WAY, i]
    for j in range(len(rho)):
        rho[j] += vectors[BRANCH, i, j]
    velocity(rho, scale, directions, values, way)
    return not _turned(way, vectors[LEFT + 1, i], vectors[RIGHT + 1, i])
