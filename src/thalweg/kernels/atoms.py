"""One pass over the atoms of a dictionary, each the best unit vector given the others."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


def move_atoms(
    atoms: NDArray[np.floating],
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    frozen: NDArray[np.bool_],
) -> None:
    """Block coordinate descent on ``tr(W^T A W) / 2 - tr(W^T B)`` over unit rows of W, in place.

    Parameters
    ----------
    atoms : array (k, d)
        W.
    a : array (k, k)
        Sum of z z^T.
    b : array (k, d)
        Sum of z y^T.
    frozen : array (k,)
        Atoms that stay.
    """
    _pass(atoms, a, b, frozen)


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def _pass(atoms, a, b, frozen):  # type: ignore[no-untyped-def]
    k, d = atoms.shape
    fresh = np.empty(d, atoms.dtype)
    for j in range(k):
        if frozen[j]:
            continue
        for i in range(d):
            fresh[i] = b[j, i]
        for p in range(k):
            share = a[j, p]
            if p == j or share == 0:
                continue
            for i in range(d):
                fresh[i] -= share * atoms[p, i]
        square = atoms.dtype.type(0)
        for i in range(d):
            square += fresh[i] * fresh[i]
        if square > 0:
            scale = 1 / np.sqrt(square)
            for i in range(d):
                atoms[j, i] = fresh[i] * scale
