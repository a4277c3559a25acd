"""The rows that are nearest once some coordinates are left out, from sums that are known.

A sum over all coordinates less the terms of a few is at most the sum: so whatever is among the k
least without them is no further than the k-th least sum is. Few rows pass, and of those the k least
are found by quickselect.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from thalweg.kernels.threads import over_blocks

Floats = NDArray[np.float64]


def least_without(
    sums: Floats,
    cut: Floats,
    y: Floats,
    rows: Floats,
    left_out: NDArray[np.bool_],
    k: int,
    squared: bool,
    cancels: float,
) -> tuple[Floats, NDArray[np.int64]]:
    """The k least sums without the coordinates left out, and whose they are, in no order.

    Parameters
    ----------
    sums : array (n, m)
        Of each row of ``y`` (n, d) with each of ``rows`` (m, d), over all coordinates.
    cut : array (n,)
        The k-th least of each row's sums.
    left_out : array (d,), bool
    squared : bool
        Whether terms are squares of differences; their absolute values otherwise.
    cancels : float
        Share of a sum below which what is left of it is added up anew.
    """
    values, which = np.empty((len(y), k)), np.empty((len(y), k), np.int64)
    gone, kept = np.flatnonzero(left_out), np.flatnonzero(~left_out)
    columns = np.ascontiguousarray(rows[:, gone].T)

    def work(start: int, stop: int) -> None:
        _least(sums, cut, y, rows, columns, gone, kept, k, squared, cancels, start, stop,
               values, which)  # fmt: skip

    over_blocks(work, len(y))
    return values, which


@numba.njit(nogil=True, cache=True)
def _least(  # type: ignore[no-untyped-def]
    sums, cut, y, rows, columns, gone, kept, k, squared, cancels, start, stop, values, which
):
    m = sums.shape[1]
    without, near, at = np.empty(m), np.empty(m), np.empty(m, np.int64)
    for i in range(start, stop):
        for z in range(m):
            without[z] = sums[i, z]
        for c in range(len(gone)):
            value = y[i, gone[c]]
            for z in range(m):
                gap = value - columns[c, z]
                without[z] -= gap * gap if squared else abs(gap)
        # sums so long that rounding them may hide what is left of them
        far = cut[i] / cancels
        count = 0
        for z in range(m):
            if not (without[z] > cut[i] and sums[i, z] < far):
                left = without[z]
                if not left > cancels * sums[i, z] or sums[i, z] >= far:
                    left = 0.0
                    for c in kept:
                        gap = y[i, c] - rows[z, c]
                        left += gap * gap if squared else abs(gap)
                near[count], at[count] = left, z
                count += 1
        _select(near, at, count, k)
        for z in range(k):
            values[i, z], which[i, z] = near[z], at[z]


@numba.njit(nogil=True, cache=True)
def _select(values, which, count, k):  # type: ignore[no-untyped-def]
    """Bring the k least of the first ``count`` to the front."""
    low, high = 0, count - 1
    while low < high:
        a, b, c = values[low], values[(low + high) // 2], values[high]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                which[i], which[j] = which[j], which[i]
                i += 1
                j -= 1
        if k - 1 <= j:
            high = j
        elif k - 1 >= i:
            low = i
        else:
            return
