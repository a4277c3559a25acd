"""Sums of absolute differences over the coordinates that two rows both show."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from thalweg.kernels.threads import over_blocks


@numba.njit(nogil=True, cache=True)
def _sum_all(y, start, stop, columns, out):  # type: ignore[no-untyped-def]
    d, m = columns.shape
    for i in range(start, stop):
        for k in range(m):
            out[i, k] = 0
        for j in range(d):
            value = y[i, j]
            if np.isnan(value):
                continue
            for k in range(m):
                gap = abs(value - columns[j, k])
                # of what is NaN nothing is added
                out[i, k] += 0.0 if np.isnan(gap) else gap


def shared_absolute(y: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of rows (n, d) and rows (m, d), NaN where hidden: (n, m).

    Raises nothing; two rows that show nothing in common have 0.
    """
    y, columns = np.ascontiguousarray(y), np.ascontiguousarray(rows.T)
    out = np.empty((len(y), len(rows)))
    over_blocks(lambda a, b: _sum_all(y, a, b, columns, out), len(y))
    return out
