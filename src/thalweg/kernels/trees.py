"""Trees of the no-U-turn sampler: what happens to every chain between two gradients.

Each chain grows its own trees, one for each transition, and asks for the energy and the gradient at
one point at a time: none waits for another's tree to be done. The leaves of a branch are made one
after the other (:mod:`thalweg.kernels.leaves`). Each stretch of 2^j of them, aligned at a multiple
of 2^j, is checked for a turn when it ends; what the check needs from its first leaf is kept at the
place that counts the ones in that leaf's number.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from thalweg.kernels.leaves import (
    ACCEPTANCE,
    ACTIVE,
    ASKED,
    AT,
    AT_ENERGY,
    BRANCH,
    BRANCH_WEIGHT,
    CHOSEN,
    CHOSEN_ENERGY,
    COUNTS,
    DEPTH,
    DIVERGED,
    DRAWN,
    ENDED,
    ENERGY,
    FORWARD,
    FOUND,
    FOUND_ENERGY,
    GRADIENTS,
    HAS_DIVERGED,
    HAS_MOVED,
    LEAF,
    LEAVES,
    LEFT,
    LEFT_ENERGY,
    LEVEL,
    LOST,
    MOVED,
    NUMBERS,
    RATE,
    RIGHT,
    RIGHT_ENERGY,
    SCRATCH,
    TOLD,
    TRANSITION,
    TREE,
    TREE_WEIGHT,
    VECTORS,
    WAY,
    arrive,
    copy,
    depart,
    height_of,
    set_out,
)
from thalweg.kernels.moves import dot, momentum, velocity
from thalweg.kernels.random_numbers import fraction, joined, words

Floats = NDArray[Any]


class Trees:
    """The trees of n chains, and where each asks for a gradient next (``at``).

    Parameters
    ----------
    keys : array (transitions,)
        Of the streams that random numbers come from.
    y, grad : array (n, d)
    energy, step : array (n,)
    noise : array (transitions, n, d)
        Standard normal: what momenta are of. All in one type, single or double precision.
    metric : arrays (d,) or (0,), (k, d), (k,)
        s, U^T and the diagonal of Lambda; no s is the unit matrix.
    max_doublings : int
    largest_rise : float
        Of the total energy, from which a trajectory has diverged.
    max_halvings : int
    tolerance : float
    """

    def __init__(
        self,
        keys: NDArray[np.int64],
        y: Floats,
        energy: Floats,
        grad: Floats,
        noise: Floats,
        step: Floats,
        metric: tuple[Floats, Floats, Floats],
        max_doublings: int,
        largest_rise: float,
        max_halvings: int,
        tolerance: float,
    ) -> None:
        n, d = y.shape
        kind, transitions = y.dtype, len(keys)
        self.drawn = np.empty((transitions, 2, n, d), kind)
        """Where chains are after each transition, and the gradient there"""
        self.told = np.empty((transitions, TOLD, n), kind)
        self._vectors = np.empty((VECTORS, n, d), kind)
        self._vectors[CHOSEN], self._vectors[CHOSEN + 1] = y, grad
        numbers, counts = np.zeros((NUMBERS, n), kind), np.zeros((COUNTS, n), np.int64)
        numbers[CHOSEN_ENERGY], counts[ACTIVE] = energy, 1
        kept = np.empty((2, max_doublings + 1, n, d), kind)
        self._chains = self._vectors, numbers, counts, kept, self.drawn, self.told
        self._settings = (
            step, *metric, keys, noise, max_doublings, largest_rise, max_halvings, tolerance
        )  # fmt: skip
        _begin_all(*self._chains, *self._settings)

    @property
    def at(self) -> Floats:
        """Where energies and gradients are needed: (n, d), written over as trees grow."""
        at: Floats = self._vectors[AT]
        return at

    def grow(self, energy: Floats, grad: Floats) -> bool:
        """Go on with what was asked for; whether any chain asks again."""
        going: bool = _grow(energy, grad, *self._chains, *self._settings)
        return going


@numba.njit(nogil=True, cache=True)
def tree_uniform(key, number, chain):  # type: ignore[no-untyped-def]
    """A number from [0, 1): of each chain its first, second, third ... (from 1 on)."""
    k0, k1 = np.uint32(key), np.uint32(np.uint64(key) >> np.uint64(32))
    a, b, _, _ = words(np.uint64(chain), np.uint64(number), k0, k1)
    return fraction(joined(a, b))


@numba.njit(nogil=True, cache=True)
def _next(key, counts, i):  # type: ignore[no-untyped-def]
    counts[DRAWN, i] += 1
    return tree_uniform(key, counts[DRAWN, i], i)


@numba.njit(nogil=True, cache=True)
def _log_sum(a, b):  # type: ignore[no-untyped-def]
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _branch_off(key, vectors, numbers, counts, i, scale, directions, values):  # type: ignore[no-untyped-def]
    """A new branch, at one end of the tree."""
    counts[FORWARD, i] = _next(key, counts, i) < 0.5
    counts[LEAF, i] = 0
    numbers[BRANCH_WEIGHT, i] = -math.inf
    for j in range(vectors.shape[2]):
        vectors[BRANCH, i, j] = 0
    copy(vectors, RIGHT if counts[FORWARD, i] else LEFT, AT, 3, i)
    energy = numbers[RIGHT_ENERGY if counts[FORWARD, i] else LEFT_ENERGY, i]
    height = height_of(vectors, energy, i, scale, directions, values)
    set_out(vectors, numbers, counts, i, height)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _turned(way, left, right):  # type: ignore[no-untyped-def]
    return dot(way, left) <= 0 or dot(way, right) <= 0


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _begin(  # type: ignore[no-untyped-def]
    vectors, numbers, counts, i, step, scale, directions, values, key, noise
):
    """A tree of one point: where the chain is."""
    for which in (DIVERGED, MOVED, DEPTH, LEAVES, DRAWN, GRADIENTS):
        counts[which, i] = 0
    numbers[TREE_WEIGHT, i], numbers[ACCEPTANCE, i] = 0, 0
    p, energy = vectors[AT + 1, i], numbers[CHOSEN_ENERGY, i]
    momentum(noise, scale, directions, values, p)
    for j in range(len(p)):
        vectors[AT, i, j] = vectors[CHOSEN, i, j]
        vectors[AT + 2, i, j] = vectors[CHOSEN + 1, i, j]
        vectors[TREE, i, j] = p[j]
    copy(vectors, AT, LEFT, 3, i)
    copy(vectors, AT, RIGHT, 3, i)
    # momenta of some noise have the noise's own length
    numbers[LEVEL, i] = energy + dot(noise, noise) / 2
    numbers[LEFT_ENERGY, i], numbers[RIGHT_ENERGY, i] = energy, energy
    _branch_off(key, vectors, numbers, counts, i, scale, directions, values)
    depart(vectors, counts, i, step, scale, directions, values)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _begin_all(  # type: ignore[no-untyped-def]
    vectors, numbers, counts, kept, drawn, told,
    step, scale, directions, values, keys, noise,
    max_doublings, largest_rise, max_halvings, tolerance,
):  # fmt: skip
    for i in range(vectors.shape[1]):
        _begin(vectors, numbers, counts, i, step, scale, directions, values, keys[0], noise[0, i])


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _grow(  # type: ignore[no-untyped-def]
    energy, grad, vectors, numbers, counts, kept, drawn, told,
    step, scale, directions, values, keys, noise,
    max_doublings, largest_rise, max_halvings, tolerance,
):  # fmt: skip
    going = False
    for i in range(vectors.shape[1]):
        if not counts[ACTIVE, i]:
            continue
        key = keys[counts[TRANSITION, i]]
        place = arrive(
            energy, grad, vectors, numbers, counts, i, step, scale, directions, values,
            max_halvings, tolerance,
        )  # fmt: skip
        grows = place != LOST
        if place == ENDED:
            grows = _leaf(
                vectors, numbers, counts, kept, i, scale, directions, values, key, largest_rise
            )
            if grows and counts[LEAF, i] == 1 << counts[DEPTH, i]:
                grows = _join(vectors, numbers, counts, i, scale, directions, values, key)
                counts[DEPTH, i] += 1
                grows = grows and counts[DEPTH, i] < max_doublings
                if grows:
                    _branch_off(key, vectors, numbers, counts, i, scale, directions, values)
        if grows:
            depart(vectors, counts, i, step, scale, directions, values)
        elif _end(vectors, numbers, counts, i, drawn, told):
            t = counts[TRANSITION, i]
            _begin(
                vectors, numbers, counts, i, step, scale, directions, values, keys[t], noise[t, i]
            )
        else:
            continue
        going = True
    return going


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _end(vectors, numbers, counts, i, drawn, told):  # type: ignore[no-untyped-def]
    """A transition is done: whether another one is to come."""
    t = counts[TRANSITION, i]
    for part in range(2):
        for j in range(drawn.shape[3]):
            drawn[t, part, i, j] = vectors[CHOSEN + part, i, j]
    told[t, ENERGY, i] = numbers[CHOSEN_ENERGY, i]
    told[t, RATE, i] = numbers[ACCEPTANCE, i] / counts[LEAVES, i]
    told[t, HAS_MOVED, i] = counts[MOVED, i]
    told[t, HAS_DIVERGED, i] = counts[DIVERGED, i]
    told[t, ASKED, i] = counts[GRADIENTS, i]
    counts[TRANSITION, i] = t + 1
    counts[ACTIVE, i] = t + 1 < len(drawn)
    return counts[ACTIVE, i] > 0


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _leaf(  # type: ignore[no-untyped-def]
    vectors, numbers, counts, kept, i, scale, directions, values, key, largest_rise
):
    """A leaf joins its branch; False if the branch is given up."""
    p, v, way = vectors[AT + 1, i], vectors[SCRATCH, i], vectors[WAY, i]
    height = height_of(vectors, numbers[AT_ENERGY, i], i, scale, directions, values)
    weight = numbers[LEVEL, i] - height
    u = _next(key, counts, i)
    # a number that is not one compares as false
    if not (weight > -largest_rise and weight < math.inf):
        counts[DIVERGED, i] = 1
        return False
    total = _log_sum(numbers[BRANCH_WEIGHT, i], weight)
    if math.log(u) < weight - total:
        for j in range(len(p)):
            vectors[FOUND, i, j], vectors[FOUND + 1, i, j] = (
                vectors[AT, i, j],
                vectors[AT + 2, i, j],
            )
        numbers[FOUND_ENERGY, i] = numbers[AT_ENERGY, i]
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
    set_out(vectors, numbers, counts, i, height)
    return True


@numba.njit(nogil=True, cache=True)
def _ones(number):  # type: ignore[no-untyped-def]
    count = 0
    while number:
        count += number & 1
        number >>= 1
    return count


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _join(vectors, numbers, counts, i, scale, directions, values, key):  # type: ignore[no-untyped-def]
    """A whole branch joins the tree; False if the tree has turned."""
    share = math.exp(min(numbers[BRANCH_WEIGHT, i] - numbers[TREE_WEIGHT, i], 0.0))
    if _next(key, counts, i) < share:
        copy(vectors, FOUND, CHOSEN, 2, i)
        numbers[CHOSEN_ENERGY, i] = numbers[FOUND_ENERGY, i]
        counts[MOVED, i] = 1
    numbers[TREE_WEIGHT, i] = _log_sum(numbers[TREE_WEIGHT, i], numbers[BRANCH_WEIGHT, i])
    copy(vectors, AT, RIGHT if counts[FORWARD, i] else LEFT, 3, i)
    numbers[RIGHT_ENERGY if counts[FORWARD, i] else LEFT_ENERGY, i] = numbers[AT_ENERGY, i]
    rho, way = vectors[TREE, i], vectors[WAY, i]
    for j in range(len(rho)):
        rho[j] += vectors[BRANCH, i, j]
    velocity(rho, scale, directions, values, way)
    return not _turned(way, vectors[LEFT + 1, i], vectors[RIGHT + 1, i])
