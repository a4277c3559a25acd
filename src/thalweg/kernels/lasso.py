"""The lasso for many rows, with one Gram matrix or one each: an exact active-set method.

For each row it minimizes ``z G z / 2 - b z + a |z|_1`` by feature-sign search: the atom that
violates optimality most joins the active set with the sign of its correlation; the quadratic is
solved on the set by a Cholesky factor that grows with it; where a coefficient would change sign on
the way, the way ends there and its atom leaves. The energy falls at every step, so no set comes
back, and the end is exact up to rounding.

A row needs little more steps than its solution has nonzeros, each one pass over the columns of
the active atoms, with the largest correlation found in the same pass; nothing of size k x k is
touched. Arrays go to the kernels flat, with offsets: a view would count references.

References: Lee, Battle, Raina, Ng, "Efficient sparse coding algorithms" (2006); duality gap:
Fercoq, Gramfort, Salmon, "Mind the duality gap" (2015).
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from thalweg.kernels import simd
from thalweg.kernels.gram import TILE_REGISTERS, correlations, gram_row
from thalweg.kernels.threads import over_blocks


def lasso(
    gram: NDArray[np.floating],
    linear: NDArray[np.floating],
    constant: NDArray[np.floating],
    weight: float,
    nonnegative: bool,
    tol: float,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Codes of every row, and the duality gap of each as a share of its energy.

    Parameters
    ----------
    gram : array (k, k)
        G, positive semi-definite.
    linear : array (n, k)
        b.
    constant : array (n,)
        Half the squared norm of what is explained: the energy at z = 0.
    weight : float
        a, above 0.
    nonnegative : bool
        Whether z must not be below 0.
    tol : float
        Correlations up to a (1 + tol) count as optimal.

    Returns
    -------
    codes : array (n, k)
    gap : array (n,)
        inf, with codes of 0, where b is too large for its products with G.
    """
    atoms, seen = np.empty((0, 0), linear.dtype), np.empty((len(linear), 0), np.bool_)
    return _each(gram, atoms, seen, linear, constant, weight, nonnegative, tol)


def lasso_apart(
    atoms: NDArray[np.floating],
    seen: NDArray[np.bool_],
    linear: NDArray[np.floating],
    constant: NDArray[np.floating],
    weight: float,
    nonnegative: bool,
    tol: float,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """As :func:`lasso`, of rows each with its own G = A D A^T, ``atoms`` A and ``seen`` D.

    A row of G is computed when its atom becomes active.
    """
    gram = np.empty((0, 0), linear.dtype)
    return _each(gram, atoms, seen, linear, constant, weight, nonnegative, tol)


def _each(
    gram: NDArray[np.floating],
    atoms: NDArray[np.floating],
    seen: NDArray[np.bool_],
    linear: NDArray[np.floating],
    constant: NDArray[np.floating],
    weight: float,
    nonnegative: bool,
    tol: float,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    n, k = linear.shape
    codes = np.zeros((n, k), linear.dtype)
    gap = np.zeros(n, linear.dtype)
    tile = TILE_REGISTERS * simd.REGISTER_BYTES // linear.dtype.itemsize
    width = tile * -(-k // tile)
    flat, across = (_in_tiles(each, width) for each in (gram, atoms.T))
    b, shown = np.ascontiguousarray(linear).reshape(-1), np.ascontiguousarray(seen).reshape(-1)
    index = np.empty(0, np.int32 if linear.dtype == np.float32 else np.int64)

    def work(start: int, stop: int) -> None:
        _rows(
            flat, across, shown, b, constant, weight, nonnegative, tol, start, stop, k, width,
            index, codes.reshape(-1), gap,
        )  # fmt: skip

    over_blocks(work, n)
    return codes, gap


def _in_tiles(matrix: NDArray[np.floating], width: int) -> NDArray[np.floating]:
    padded = np.zeros((len(matrix), width), matrix.dtype)
    padded[:, : matrix.shape[1]] = matrix
    return padded.reshape(-1)


@numba.njit(nogil=True, cache=True)
def _factor_row(gram, width, active, factor, inverse, most, i):  # type: ignore[no-untyped-def]
    """Row i of the Cholesky factor of G on the active set; its pivot, squared.

    The diagonal is kept as its inverse.
    """
    o = i * most
    g = active[i] * width
    pivot = np.float64(gram[g + active[i]])
    for j in range(i):
        value = np.float64(gram[g + active[j]])
        q = j * most
        for p in range(j):
            value -= factor[o + p] * factor[q + p]
        value *= inverse[j]
        factor[o + j] = value
        pivot -= value * value
    return pivot


@numba.njit(nogil=True, cache=True)
def _back_substitute(factor, inverse, most, m, right):  # type: ignore[no-untyped-def]
    """Solve L^T u = right, in place."""
    for i in range(m - 1, -1, -1):
        u = right[i] * inverse[i]
        right[i] = u
        for p in range(i):
            right[p] -= factor[i * most + p] * u


@numba.njit(nogil=True, cache=True)
def _forward_row(factor, inverse, most, half, value, i):  # type: ignore[no-untyped-def]
    """Entry i of the solution of L u = right, given the ones before it."""
    for p in range(i):
        value -= factor[i * most + p] * half[p]
    half[i] = value * inverse[i]


@numba.njit(nogil=True, cache=True)
def _drop(  # type: ignore[no-untyped-def]
    gram, width, b, weight, active, sign, z, half, factor, inverse, most, m, out
):
    """Take one atom out of the active set; factor again from there on."""
    for i in range(out, m - 1):
        active[i], sign[i], z[i] = active[i + 1], sign[i + 1], z[i + 1]
    for i in range(out, m - 1):
        pivot = _factor_row(gram, width, active, factor, inverse, most, i)
        inverse[i] = 1 / np.sqrt(max(pivot, 1e-300))
        _forward_row(factor, inverse, most, half, b[active[i]] - weight * sign[i], i)


@numba.njit(nogil=True, cache=True)
def _rows(  # type: ignore[no-untyped-def]
    gram, atoms, seen, linear, constant, weight, nonnegative, tol, start, stop, k, width, index,
    codes, gap,
):  # fmt: skip
    most = k + 1
    apart = len(atoms) > 0
    d = len(atoms) // width
    if apart:
        gram = np.empty(k * width, linear.dtype)
    shown = np.empty(d, np.int64)
    active = np.zeros(most, np.int64)
    sign = np.zeros(most)
    z = np.zeros(most)
    way = np.zeros(most)
    half = np.zeros(most)
    factor = np.zeros(most * most)
    inverse = np.zeros(most)
    b = np.zeros(width, linear.dtype)
    c = np.zeros(width, linear.dtype)
    for row in range(start, stop):
        for j in range(k):
            b[j] = linear[row * k + j]
        count = 0
        for j in range(d):
            shown[count] = j
            count += seen[row * d + j]
        m = 0
        top, new = correlations(gram, b, active, z, m, c, index, nonnegative)
        for _ in range(10 * k + 100):
            # correlations that are not finite have no largest one, and name no atom
            if top <= weight * (1 + tol) or not top < np.inf:
                break
            known = False
            for i in range(m):
                known = known or active[i] == new
            if known:
                break
            if apart:
                gram_row(gram, atoms, shown, count, width, new)
            active[m], sign[m], z[m] = new, (1.0 if c[new] > 0 else -1.0), 0.0
            pivot = _factor_row(gram, width, active, factor, inverse, most, m)
            if pivot > 1e-10 * gram[new * width + new]:
                inverse[m] = 1 / np.sqrt(pivot)
                _forward_row(factor, inverse, most, half, b[new] - weight * sign[m], m)
                m += 1
            else:
                _enter_dependent(
                    gram, width, b, weight, active, sign, z, half, way, factor, inverse, most, m
                )
            m = _solve_on_set(
                gram, width, b, weight, active, sign, z, half, way, factor, inverse, most, m
            )
            top, new = correlations(gram, b, active, z, m, c, index, nonnegative)
        if not top < np.inf:
            gap[row] = np.inf
            continue
        gap[row] = _relative_gap(b, c, active, z, m, constant[row], weight, top)
        for i in range(m):
            codes[row * k + active[i]] = z[i]


@numba.njit(nogil=True, cache=True)
def _enter_dependent(  # type: ignore[no-untyped-def]
    gram, width, b, weight, active, sign, z, half, way, factor, inverse, most, m
):
    """Let an atom in that is a combination of the active ones: move along the combination.

    What is explained stays the same and the penalty falls, until a coefficient reaches zero and
    its atom leaves.
    """
    for p in range(m):
        way[p] = -sign[m] * factor[m * most + p]
    _back_substitute(factor, inverse, most, m, way)
    length, out = np.inf, -1
    for i in range(m):
        if way[i] * sign[i] < 0 and -z[i] / way[i] < length:
            length, out = -z[i] / way[i], i
    if out < 0:
        return
    for i in range(m):
        z[i] += length * way[i]
    z[m] = length * sign[m]
    _drop(gram, width, b, weight, active, sign, z, half, factor, inverse, most, m + 1, out)


@numba.njit(nogil=True, cache=True)
def _solve_on_set(  # type: ignore[no-untyped-def]
    gram, width, b, weight, active, sign, z, half, way, factor, inverse, most, m
):
    """The best z on the active set with the signs as they are, atoms leaving at sign changes."""
    while m > 0:
        for i in range(m):
            way[i] = half[i]
        _back_substitute(factor, inverse, most, m, way)
        length, out = 1.0, -1
        for i in range(m):
            if way[i] * sign[i] <= 0:
                share = z[i] / (z[i] - way[i]) if z[i] != way[i] else 0.0
                if share < length:
                    length, out = share, i
        for i in range(m):
            z[i] += length * (way[i] - z[i])
        if out < 0:
            return m
        _drop(gram, width, b, weight, active, sign, z, half, factor, inverse, most, m, out)
        m -= 1
    return m


@numba.njit(nogil=True, cache=True)
def _relative_gap(b, c, active, z, m, constant, weight, top):  # type: ignore[no-untyped-def]
    """(primal - dual) / primal, the dual point being the residual scaled until it is feasible."""
    fit, along, size = np.float64(constant), 0.0, 0.0
    for i in range(m):
        # |y - Wz|^2 / 2 = |y|^2 / 2 - z b / 2 - z c / 2
        fit -= 0.5 * z[i] * (b[active[i]] + c[active[i]])
        along += z[i] * c[active[i]]
        size += abs(z[i])
    fit = max(fit, 0.0)
    t = min(1.0, weight / top) if top > 0 else 1.0
    primal = fit + weight * size
    dual = t * (2 * fit + along) - t * t * fit
    return max(primal - dual, 0.0) / primal if primal > 0 else 0.0
