"""Rows that hide the same entries, together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEW_PATTERNS = 8
"""Rows that show the same, in the mean, from which on they are looked at together"""


def rows_alike(flags: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """The positions of rows (n, d) that are the same, group by group, each in order.

    Examples
    --------
    >>> [group.tolist() for group in rows_alike(np.array([[True], [False], [True]]))]
    [[1], [0, 2]]
    """
    if not len(flags):
        return []
    packed = np.ascontiguousarray(np.packbits(flags, axis=1))
    kind = packed.view(np.dtype((np.void, packed.shape[1]))).reshape(-1)
    order = np.argsort(kind, kind="stable")
    return np.split(order, np.flatnonzero(kind[order][1:] != kind[order][:-1]) + 1)
