"""What surrounds the gradient in a step of chains, in one loop over them.

Each of these is a dozen small operations on a few numbers: as calls they take longer than the
gradient itself. Tensors come as the addresses of their numbers, for wrapping each of a dozen as an
array would take as long again; they are contiguous, of one type, and outlive the call. An address
of 0 is something that is not there.

A step size is one for all chains, or at the address of (n,) of them. A metric is
Sigma = S (I + U (Lambda - I) U^T) S, by the addresses of s (d,), of U^T (k, d) and of the diagonal
of Lambda (k,); without s it is the unit matrix.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types
from numba.np.numpy_support import carray

from thalweg.core import compiled
from thalweg.kernels.random_numbers import any_intrinsic, double_uniform, single_uniform

Kernel = Callable[..., None]


@any_intrinsic
def pointer(typingctx: Any, address: Any) -> Any:
    """What is at an address."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.intp), code


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def dot(one, other):  # type: ignore[no-untyped-def]
    """The inner product of two rows."""
    total = one[0] * other[0]
    for j in range(1, len(one)):
        total += one[j] * other[j]
    return total


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def momentum(noise, scale, vectors, values, p):  # type: ignore[no-untyped-def]
    """P = S^-1 (I + U (Lambda^-1/2 - I) U^T) noise, a row of covariance Sigma^-1."""
    for j in range(len(p)):
        p[j] = noise[j]
    for a in range(len(values)):
        along = dot(vectors[a], noise) * (1 / math.sqrt(values[a]) - 1)
        for j in range(len(p)):
            p[j] += along * vectors[a, j]
    if len(scale):
        for j in range(len(p)):
            p[j] /= scale[j]


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def velocity(p, scale, vectors, values, v):  # type: ignore[no-untyped-def]
    """V = Sigma p."""
    for j in range(len(p)):
        v[j] = p[j] * scale[j] if len(scale) else p[j]
    # the directions are orthonormal: what is added along one is nothing along another
    for a in range(len(values)):
        along = dot(vectors[a], v) * (values[a] - 1)
        for j in range(len(p)):
            v[j] += along * vectors[a, j]
    for j in range(len(scale)):
        v[j] *= scale[j]


@numba.njit(inline="always")
def rows(address, n, d, like):  # type: ignore[no-untyped-def]
    return carray(pointer(address), (n, d), like.dtype)


@numba.njit(inline="always")
def line(address, n, like):  # type: ignore[no-untyped-def]
    return carray(pointer(address), n if address else 0, like.dtype)


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def push(like, n, d, size, steps, k, scale, vectors, values, y, noise, grad, to, p):  # type: ignore[no-untyped-def]
    """Momenta of some noise, half a kick, and the first drift."""
    s, u, lam = line(scale, d, like), rows(vectors, k, d, like), line(values, k, like)
    own = line(steps, n, like)
    here, xi, slope = rows(y, n, d, like), rows(noise, n, d, like), rows(grad, n, d, like)
    there, pushed, v = rows(to, n, d, like), rows(p, n, d, like), np.empty(d, like.dtype)
    for i in range(n):
        step = own[i] if len(own) else like.dtype.type(size)
        momentum(xi[i], s, u, lam, pushed[i])
        half = like.dtype.type(0.5) * step
        for j in range(d):
            pushed[i, j] -= half * slope[i, j]
        velocity(pushed[i], s, u, lam, v)
        for j in range(d):
            there[i, j] = here[i, j] + step * v[j]


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def move(like, n, d, size, steps, k, scale, vectors, values, y, p, grad):  # type: ignore[no-untyped-def]
    """A whole kick and a drift, in place."""
    s, u, lam = line(scale, d, like), rows(vectors, k, d, like), line(values, k, like)
    own = line(steps, n, like)
    at, pushed, slope, v = (
        rows(y, n, d, like),
        rows(p, n, d, like),
        rows(grad, n, d, like),
        np.empty(d, like.dtype),
    )
    for i in range(n):
        step = own[i] if len(own) else like.dtype.type(size)
        for j in range(d):
            pushed[i, j] -= step * slope[i, j]
        velocity(pushed[i], s, u, lam, v)
        for j in range(d):
            at[i, j] += step * v[j]


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def fall(like, n, d, size, steps, k, scale, vectors, values, energy, noise, end, p, grad, out):  # type: ignore[no-untyped-def]
    """How far F + p^T Sigma p / 2 falls, with half a kick at the end."""
    s, u, lam = line(scale, d, like), rows(vectors, k, d, like), line(values, k, like)
    own = line(steps, n, like)
    xi, pushed, slope = rows(noise, n, d, like), rows(p, n, d, like), rows(grad, n, d, like)
    before, after, to = line(energy, n, like), line(end, n, like), line(out, n, like)
    last, v = np.empty(d, like.dtype), np.empty(d, like.dtype)
    for i in range(n):
        half = like.dtype.type(0.5) * (own[i] if len(own) else like.dtype.type(size))
        for j in range(d):
            last[j] = pushed[i, j] - half * slope[i, j]
        velocity(last, s, u, lam, v)
        # momenta of some noise have the noise's own length
        kinetic = like.dtype.type(0.5) * (dot(xi[i], xi[i]) - dot(last, v))
        to[i] = before[i] - after[i] + kinetic


@numba.njit(nogil=True, cache=True, error_model="numpy")
def settle(  # type: ignore[no-untyped-def]
    like, key, n, d, largest_rise, log_ratio, y, energy, grad, other_y, other_energy, other_grad,
    out_y, out_energy, out_grad, acceptance, accepted, bad,
):  # fmt: skip
    """Each chain to the other point with probability min(1, exp(log_ratio))."""
    ratios, chances = line(log_ratio, n, like), line(acceptance, n, like)
    moved, flagged = (
        carray(pointer(accepted), n, np.bool_),
        carray(pointer(bad), n, np.bool_),
    )
    one, two, to = line(energy, n, like), line(other_energy, n, like), line(out_energy, n, like)
    for i in range(n):
        # a number that is not one compares as false
        fine = ratios[i] > -largest_rise and ratios[i] < math.inf
        chances[i] = math.exp(min(ratios[i], like.dtype.type(0))) if fine else like.dtype.type(0)
        flagged[i] = not fine
        moved[i] = uniform(like, key, i) < chances[i]
        to[i] = two[i] if moved[i] else one[i]
    take(moved, rows(y, n, d, like), rows(other_y, n, d, like), rows(out_y, n, d, like))
    if grad != 0:
        take(
            moved, rows(grad, n, d, like), rows(other_grad, n, d, like), rows(out_grad, n, d, like)
        )


@numba.njit(nogil=True, cache=True)
def uniform(like, key, i):  # type: ignore[no-untyped-def]
    """Number i of a stream, in the precision that it would be filled in."""
    if like.itemsize == 4:
        return np.float64(single_uniform(key, i))
    return double_uniform(key, i)


@numba.njit(inline="always")
def take(first, no, yes, out):  # type: ignore[no-untyped-def]
    """Rows of ``yes`` where ``first``, else of ``no``."""
    for i in range(len(first)):
        if first[i]:
            for j in range(out.shape[1]):
                out[i, j] = yes[i, j]
        else:
            for j in range(out.shape[1]):
                out[i, j] = no[i, j]


LIKE = {like.itemsize: like for like in compiled.LIKE.values()}
"""What tells a loop the type of numbers, by their bytes"""

KERNELS: dict[str, Kernel] = {"push": push, "move": move, "fall": fall, "settle": settle}
