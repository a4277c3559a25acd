"""Nearest point of a set that moves a little, for every row, with most distances never computed.

The triangle inequality (Elkan 2003): a point that was at distance l and has since moved by s is
still at least l - s away. Bounds are kept at two levels. One number for a row and a *group*, the
points of one register (Yinyang, Ding et al. 2015): no point of the group but the row's own is
nearer. Below it, one number for each row and point. A bound is stored together with how far its
point (group) had moved in all when the bound was taken, and compared less how far it has moved by
now: bounds that hold are read, never written.

Where a block of rows has few candidates left they are computed one by one; where it has many, the
block is done whole, by the tiles of :mod:`thalweg.kernels.tiles`. Bounds allow for rounding, and a
row with two points about as near is said to be in doubt, so the labels are those of the exact
method.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from thalweg.kernels import short_floats, simd
from thalweg.kernels.distances import squared_distance, squared_distances
from thalweg.kernels.tiles import BLOCK_ROWS, NOWHERE, gather_centered, margin, scores_of_four


class Bounds(NamedTuple):
    """What is known of each row from earlier calls. All in the data's type, drift included."""

    own: NDArray[np.floating]
    """(n,), at least the distance to the row's own point, minus that point's drift"""
    group: NDArray[np.floating]
    """(n * groups,), at most the distance to the group's points but the own one, plus drift"""
    pair: NDArray[np.uint16]
    """(n * width,), the same for each point, in two bytes (bfloat16, rounded down)"""
    drift: NDArray[np.floating]
    """(width,), how far each point has moved in all"""
    group_drift: NDArray[np.floating]
    """(groups,), the same for each group: the sum of its largest moves"""


class Scratch(NamedTuple):
    """Room for one block of rows."""

    rows: NDArray[np.floating]
    squares: NDArray[np.floating]
    scores: NDArray[np.floating]
    open_groups: NDArray[np.uint64]
    open_pairs: NDArray[np.uint64]
    chosen: NDArray[np.int64]
    distances: NDArray[np.floating]


@numba.njit(nogil=True, cache=True)
def _score_block(rows, count, d, tiles, scores):  # type: ignore[no-untyped-def]
    """All scores of a block of centered rows."""
    lanes = simd.lanes(rows)
    width = len(tiles.half_norms)
    for first in range(0, width, 2 * lanes):
        for r in range(0, count, 4):
            s = scores_of_four(rows, r * d, d, tiles, first)
            o = r * width + first
            simd.store(scores, o, s[0])
            simd.store(scores, o + lanes, s[1])
            simd.store(scores, o + width, s[2])
            simd.store(scores, o + width + lanes, s[3])
            simd.store(scores, o + 2 * width, s[4])
            simd.store(scores, o + 2 * width + lanes, s[5])
            simd.store(scores, o + 3 * width, s[6])
            simd.store(scores, o + 3 * width + lanes, s[7])


@numba.njit(nogil=True, cache=True)
def _whole_block(y, first_row, count, tiles, bounds, label, doubt, scratch):  # type: ignore[no-untyped-def]
    """All distances of a block of rows: labels, own distances and bounds."""
    d = len(tiles.origin)
    lanes = simd.lanes(y)
    width = len(tiles.half_norms)
    groups = len(bounds.group_drift)
    scores = scratch.scores
    gather_centered(y, first_row, count, tiles.origin, scratch.rows, scratch.squares)
    _score_block(scratch.rows, count, d, tiles, scores)
    zero = simd.splat(y, y.dtype.type(0))
    infinite = simd.splat(y, y.dtype.type(np.inf))
    nowhere = simd.splat(y, y.dtype.type(NOWHERE / 2 * np.finfo(y.dtype).max))
    minus_two = simd.splat(y, y.dtype.type(-2))
    # a squared distance from d products is off by at most this times |y|^2 + 2 |w|^2
    rounding = y.dtype.type((d + 8) * np.finfo(y.dtype).eps)
    for r in range(count):
        i = first_row + r
        best = simd.splat(y, y.dtype.type(-np.inf))
        for g in range(width // lanes):
            s = simd.load(scores, r * width + g * lanes)
            best = simd.where_greater(s, best, s, best)
        least = simd.highest(best) - margin(scratch.squares[r], tiles)
        least_needed = simd.splat(y, least)
        base = simd.splat(y, scratch.squares[r] * (1 - rounding))
        near, c, top = 0, np.int64(0), least
        for g in range(width // lanes):
            # |y|^2 - 2 score, less the rounding: score + |w|^2 / 2 shrunk stands for |w|^2 there
            s = simd.load(scores, r * width + g * lanes)
            enough = simd.bits_less(least_needed, s)
            while enough:
                lane = simd.lowest_bit(enough)
                enough &= enough - np.uint64(1)
                near += 1
                if scores[r * width + g * lanes + lane] > top:
                    top = scores[r * width + g * lanes + lane]
                    c = g * lanes + lane
            half = simd.load(tiles.half_norms, g * lanes)
            s = simd.subtract(s, simd.multiply(half, simd.splat(y, 2 * rounding)))
            distance = simd.fused_multiply_add(s, minus_two, base)
            distance = simd.square_root(simd.where_greater(distance, zero, distance, zero))
            distance = simd.where_greater(half, nowhere, distance, infinite)
            drift = simd.load(bounds.drift, g * lanes)
            short_floats.store_short(bounds.pair, i * width + g * lanes, simd.add(distance, drift))
            # open: the next call takes the group's bound from its points if it can be closed
            bounds.group[i * groups + g] = y.dtype.type(-np.inf)
        label[i] = c
        doubt[i] = near != 1
        own = np.sqrt(squared_distance(y, i * d, tiles.points, c * d, d))
        bounds.own[i] = own - bounds.drift[c]


@numba.njit(nogil=True, cache=True)
def _find_open_groups(bounds, i, limit, width, masks, q):  # type: ignore[no-untyped-def]
    """Mark the groups that may hold a point nearer than ``limit``; how many.

    Their points' bounds lie far apart in memory and are asked for now, to be there when read.
    """
    lanes = simd.lanes(bounds.group)
    groups = len(bounds.group_drift)
    limits = simd.splat(bounds.group, limit)
    found = 0
    for first in range(0, groups, lanes):
        bound = simd.load(bounds.group, i * groups + first)
        bound = simd.subtract(bound, simd.load(bounds.group_drift, first))
        mask = simd.bits_less(bound, limits)
        masks[q] = mask
        q += 1
        found += simd.count_bits(mask)
        while mask:
            g = first + simd.lowest_bit(mask)
            mask &= mask - np.uint64(1)
            simd.prefetch(bounds.pair, i * width + g * lanes)
    return found


@numba.njit(nogil=True, cache=True)
def _refresh_group(bounds, i, g, width, own):  # type: ignore[no-untyped-def]
    """A group's bound from the bounds of its points."""
    lanes = simd.lanes(bounds.drift)
    bound = short_floats.load_short(bounds.pair, i * width + g * lanes, bounds.drift)
    bound = simd.subtract(bound, simd.load(bounds.drift, g * lanes))
    if own // lanes == g:
        bound = simd.replace_lane(bound, own % lanes, bounds.drift.dtype.type(np.inf))
    bounds.group[i * len(bounds.group_drift) + g] = simd.lowest(bound) + bounds.group_drift[g]


@numba.njit(nogil=True, cache=True)
def _find_open_pairs(bounds, i, limit, own, width, scratch, r):  # type: ignore[no-untyped-def]
    """In the open groups, mark the points that may be nearer than ``limit``; how many.

    A group that turns out to have none is closed, its bound taken anew from its points.
    """
    lanes = simd.lanes(bounds.drift)
    limits = simd.splat(bounds.drift, limit)
    registers = len(bounds.group_drift) // lanes
    found = 0
    for q in range(registers):
        mask = scratch.open_groups[r * registers + q]
        still = mask
        while mask:
            bit = simd.lowest_bit(mask)
            mask &= mask - np.uint64(1)
            g = q * lanes + bit
            bound = short_floats.load_short(bounds.pair, i * width + g * lanes, bounds.drift)
            bound = simd.subtract(bound, simd.load(bounds.drift, g * lanes))
            pairs = simd.bits_less(bound, limits)
            if own // lanes == g:
                pairs &= ~(np.uint64(1) << np.uint64(own % lanes))
            scratch.open_pairs[r * (width // lanes) + g] = pairs
            if pairs:
                found += simd.count_bits(pairs)
            else:
                still &= ~(np.uint64(1) << np.uint64(bit))
                _refresh_group(bounds, i, g, width, own)
        scratch.open_groups[r * registers + q] = still
    return found


@numba.njit(nogil=True, cache=True)
def _leave(bounds, i, own, limit, width):  # type: ignore[no-untyped-def]
    """The row leaves its point at distance ``limit``, which from now on is one like the others."""
    lanes = simd.lanes(bounds.group)
    o = i * len(bounds.group_drift) + own // lanes
    bounds.group[o] = min(bounds.group[o], limit + bounds.group_drift[own // lanes])
    bounds.pair[i * width + own] = short_floats.shorten(limit + bounds.drift[own])


@numba.njit(nogil=True, cache=True)
def _row_by_pairs(y, i, r, tiles, bounds, label, doubt, slack, scratch):  # type: ignore[no-untyped-def]
    """Compute the open distances of one row, four by four."""
    d = len(tiles.origin)
    lanes = simd.lanes(y)
    width = len(tiles.half_norms)
    registers = len(bounds.group_drift) // lanes
    chosen, distances = scratch.chosen, scratch.distances
    count = 0
    for q in range(registers):
        mask = scratch.open_groups[r * registers + q]
        while mask:
            g = q * lanes + simd.lowest_bit(mask)
            mask &= mask - np.uint64(1)
            pairs = scratch.open_pairs[r * (width // lanes) + g]
            while pairs:
                chosen[count] = g * lanes + simd.lowest_bit(pairs)
                pairs &= pairs - np.uint64(1)
                count += 1
    squared_distances(y, i * d, tiles.points, chosen, count, d, distances)
    own = np.int64(label[i])
    limit = bounds.own[i] + bounds.drift[own]
    second = y.dtype.type(np.inf)
    for k in range(count):
        c = chosen[k]
        distance = np.sqrt(distances[k])
        bounds.pair[i * width + c] = short_floats.shorten(distance + bounds.drift[c])
        if distance < limit:
            _leave(bounds, i, own, limit, width)
            second = limit
            own = c
            limit = distance
        elif distance < second:
            second = distance
    label[i] = own
    doubt[i] = not second > limit + _allowance(limit, slack)
    bounds.own[i] = limit - bounds.drift[own]


class Slack(NamedTuple):
    """How far off a distance, or a bound on one, may be by rounding."""

    relative: np.floating
    """as a share of the distance"""
    absolute: np.floating
    """beyond that: for all that points have moved, and for numbers next to 0"""


@numba.njit(nogil=True, cache=True)
def _allowance(distance, slack):  # type: ignore[no-untyped-def]
    return slack.relative * distance + slack.absolute


def slack_of(d: int, bounds: Bounds) -> Slack:
    """Of distances over d coordinates and of bounds that are kept with drifts."""
    dtype, limits = bounds.drift.dtype, np.finfo(bounds.drift.dtype)
    lanes = simd.REGISTER_BYTES // dtype.itemsize
    far = max(float(bounds.drift.max()), float(bounds.group_drift.max()))
    return Slack(
        dtype.type((d // lanes + lanes + 8) * limits.eps),
        dtype.type(8 * limits.eps * far + 4 * np.sqrt(d * float(limits.tiny))),
    )


@numba.njit(nogil=True, cache=True)
def reassign(  # type: ignore[no-untyped-def]
    y, start, stop, tiles, bounds, label, doubt, slack, fresh
):
    """Bring labels and bounds of rows ``start`` to ``stop`` up to date (fresh: no bounds yet)."""
    d = len(tiles.origin)
    lanes = simd.lanes(y)
    width = len(tiles.half_norms)
    groups = len(bounds.group_drift)
    registers = groups // lanes
    scratch = Scratch(
        np.empty(BLOCK_ROWS * d, y.dtype),
        np.empty(BLOCK_ROWS, y.dtype),
        np.empty(BLOCK_ROWS * width, y.dtype),
        np.empty(BLOCK_ROWS * registers, np.uint64),
        np.empty(BLOCK_ROWS * (width // lanes), np.uint64),
        np.empty(width, np.int64),
        np.empty(width, y.dtype),
    )
    found = np.empty(BLOCK_ROWS, np.int64)
    # in units of one register of multiply-adds, as measured
    cost_of_pair = 12 + 3 * d // lanes
    cost_of_row = width // lanes * (d + 12)
    for first_row in range(start, stop, BLOCK_ROWS):
        count = min(BLOCK_ROWS, stop - first_row)
        if fresh:
            _whole_block(y, first_row, count, tiles, bounds, label, doubt, scratch)
            continue
        for r in range(count):
            i = first_row + r
            doubt[i] = False
            limit = bounds.own[i] + bounds.drift[label[i]]
            limit += _allowance(limit, slack)
            found[r] = _find_open_groups(
                bounds, i, limit, width, scratch.open_groups, r * registers
            )
        pairs = 0
        for r in range(count):
            if found[r] > 0:
                i = first_row + r
                own = np.int64(label[i])
                limit = np.sqrt(squared_distance(y, i * d, tiles.points, own * d, d))
                bounds.own[i] = limit - bounds.drift[own]
                limit += _allowance(limit, slack)
                found[r] = _find_open_pairs(bounds, i, limit, own, width, scratch, r)
                pairs += found[r]
        if pairs * cost_of_pair > count * cost_of_row:
            _whole_block(y, first_row, count, tiles, bounds, label, doubt, scratch)
            continue
        for r in range(count):
            if found[r] > 0:
                _row_by_pairs(y, first_row + r, r, tiles, bounds, label, doubt, slack, scratch)
