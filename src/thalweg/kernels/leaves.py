"""The leaves of a tree: steps of one length, made of as many short ones as the place asks for.

A leaf is a step of fixed length from the one before, made of 2^h short ones: h is the least number
of halvings with which the total energy along the short steps stays within a tolerance. The way back
has to need as many, or the step could not be undone; then the branch is given up. Whether it does
is found out from its end, by the fewer halvings. Without halvings a leaf is a leapfrog step.
"""

from __future__ import annotations

import math

import numba

from thalweg.kernels.moves import dot, velocity

# rows of every chain, (VECTORS, n, d); a point is y, p, and the gradient
AT, LEFT, RIGHT, BASE, END, CHOSEN, FOUND = 0, 3, 6, 9, 12, 15, 17
TREE, BRANCH, SCRATCH, WAY = 19, 20, 21, 22
VECTORS = 23
# numbers of every chain, (NUMBERS, n)
LEVEL, TREE_WEIGHT, BRANCH_WEIGHT, CHOSEN_ENERGY, FOUND_ENERGY, ACCEPTANCE = range(6)
AT_ENERGY, LEFT_ENERGY, RIGHT_ENERGY, END_ENERGY = range(6, 10)
BASE_HEIGHT, END_HEIGHT, LOWEST, HIGHEST = range(10, 14)
NUMBERS = 14
# whole numbers of every chain, (COUNTS, n)
ACTIVE, DIVERGED, MOVED, FORWARD, DEPTH, LEAF, LEAVES, DRAWN = range(8)
HALVINGS, TRIED, DONE, BACK, GRADIENTS, TRANSITION = range(8, 14)
COUNTS = 14
# numbers of every transition, (transitions, TOLD, n)
ENERGY, RATE, HAS_MOVED, HAS_DIVERGED, ASKED = range(5)
TOLD = 5

ENDED, AGAIN, LOST = range(3)


@numba.njit(nogil=True, cache=True)
def copy(vectors, source, to, parts, i):  # type: ignore[no-untyped-def]
    for part in range(parts):
        for j in range(vectors.shape[2]):
            vectors[to + part, i, j] = vectors[source + part, i, j]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _length(counts, i, step):  # type: ignore[no-untyped-def]
    """Of a short step, negative against the way of momenta."""
    halvings = counts[TRIED, i] if counts[BACK, i] else counts[HALVINGS, i]
    length = step[i] / (1 << halvings)
    return length if counts[FORWARD, i] != counts[BACK, i] else -length


@numba.njit(nogil=True, cache=True, error_model="numpy")
def depart(vectors, counts, i, step, scale, directions, values):  # type: ignore[no-untyped-def]
    """Half a kick and a drift."""
    length = _length(counts, i, step)
    y, p, grad, v = vectors[AT, i], vectors[AT + 1, i], vectors[AT + 2, i], vectors[SCRATCH, i]
    for j in range(len(y)):
        p[j] -= length / 2 * grad[j]
    velocity(p, scale, directions, values, v)
    for j in range(len(y)):
        y[j] += length * v[j]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def height_of(vectors, energy, i, scale, directions, values):  # type: ignore[no-untyped-def]
    """The total energy where a chain is."""
    p, v = vectors[AT + 1, i], vectors[SCRATCH, i]
    velocity(p, scale, directions, values, v)
    return energy + dot(p, v) / 2


@numba.njit(nogil=True, cache=True, error_model="numpy")
def set_out(vectors, numbers, counts, i, height):  # type: ignore[no-untyped-def]
    """A leaf is begun, without halvings."""
    copy(vectors, AT, BASE, 3, i)
    numbers[BASE_HEIGHT, i] = height
    numbers[LOWEST, i], numbers[HIGHEST, i] = height, height
    counts[HALVINGS, i], counts[DONE, i], counts[BACK, i] = 0, 0, 0


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _again_from(vectors, numbers, counts, i, point, height):  # type: ignore[no-untyped-def]
    """The same way once more, from where it began, in shorter steps."""
    copy(vectors, point, AT, 3, i)
    counts[DONE, i] = 0
    numbers[LOWEST, i], numbers[HIGHEST, i] = height, height


@numba.njit(nogil=True, cache=True, error_model="numpy")
def arrive(  # type: ignore[no-untyped-def]
    energy, grad, vectors, numbers, counts, i, step, scale, directions, values, max_halvings,
    tolerance,
):  # fmt: skip
    """A short step ends: whether the leaf is there (ENDED), or is on its way, or is lost."""
    p, slope, half = vectors[AT + 1, i], vectors[AT + 2, i], _length(counts, i, step) / 2
    for j in range(len(p)):
        slope[j] = grad[i, j]
        p[j] -= half * slope[j]
    counts[GRADIENTS, i] += 1
    height = height_of(vectors, energy[i], i, scale, directions, values)
    numbers[LOWEST, i] = min(numbers[LOWEST, i], height)
    numbers[HIGHEST, i] = max(numbers[HIGHEST, i], height)
    # a number that is not one compares as false
    fine = abs(height) < math.inf and numbers[HIGHEST, i] - numbers[LOWEST, i] <= tolerance
    counts[DONE, i] += 1
    if not counts[BACK, i] and counts[HALVINGS, i] == 0:
        counts[LEAVES, i] += 1
        begun = numbers[BASE_HEIGHT, i] if max_halvings else numbers[LEVEL, i]
        if abs(height) < math.inf:
            numbers[ACCEPTANCE, i] += math.exp(min(begun - height, 0.0))
    if max_halvings == 0:
        numbers[AT_ENERGY, i] = energy[i]
        return ENDED
    if counts[BACK, i]:
        return _on_the_way_back(vectors, numbers, counts, i, fine)
    return _on_the_way(vectors, numbers, counts, i, fine, energy[i], height, max_halvings)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _on_the_way(vectors, numbers, counts, i, fine, energy, height, max_halvings):  # type: ignore[no-untyped-def]
    """The least number of halvings is looked for."""
    if not fine:
        if counts[HALVINGS, i] == max_halvings:
            counts[DIVERGED, i] = 1
            return LOST
        counts[HALVINGS, i] += 1
        _again_from(vectors, numbers, counts, i, BASE, numbers[BASE_HEIGHT, i])
        return AGAIN
    if counts[DONE, i] < 1 << counts[HALVINGS, i]:
        return AGAIN
    numbers[AT_ENERGY, i] = energy
    if counts[HALVINGS, i] == 0:
        return ENDED
    copy(vectors, AT, END, 3, i)
    numbers[END_ENERGY, i], numbers[END_HEIGHT, i] = energy, height
    counts[BACK, i], counts[TRIED, i] = 1, 0
    _again_from(vectors, numbers, counts, i, END, height)
    return AGAIN


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _on_the_way_back(vectors, numbers, counts, i, fine):  # type: ignore[no-untyped-def]
    """Whether fewer halvings lead back: then the step could not be undone."""
    if fine:
        return AGAIN if counts[DONE, i] < 1 << counts[TRIED, i] else LOST
    counts[TRIED, i] += 1
    _again_from(vectors, numbers, counts, i, END, numbers[END_HEIGHT, i])
    if counts[TRIED, i] < counts[HALVINGS, i]:
        return AGAIN
    counts[BACK, i] = 0
    numbers[AT_ENERGY, i] = numbers[END_ENERGY, i]
    return ENDED
