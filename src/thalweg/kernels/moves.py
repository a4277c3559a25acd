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

from thalweg.kernels.random_numbers import any_intrinsic, double_uniform, single_uniform

Kernel = Callable[..., None]


@any_intrinsic
def pointer(typingctx: Any, address: Any) -> Any:
    """What is at an address."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.intp), code


@numba.njit(inline="always")
def dot(one, other):  # type: ignore[no-untyped-def]
    """The inner product of two rows."""
    total = one[0] * other[0]
    for j in range(1, len(one)):
        total += one[j] * other[j]
    return total


@numba.njit(inline="always", error_model="numpy")
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


@numba.njit(inline="always", error_model="numpy")
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


def _for(real: Any, uniform: Any) -> dict[str, Kernel]:
    @numba.njit(inline="always")
    def rows(address, n, d):  # type: ignore[no-untyped-def]
        return carray(pointer(address), (n, d), real)

    @numba.njit(inline="always")
    def line(address, n):  # type: ignore[no-untyped-def]
        return carray(pointer(address), n if address else 0, real)

    @numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
    def push(n, d, size, steps, k, scale, vectors, values, y, noise, grad, to, p):  # type: ignore[no-untyped-def]
        """Momenta of some noise, half a kick, and the first drift."""
        s, u, lam = line(scale, d), rows(vectors, k, d), line(values, k)
        own = line(steps, n)
        here, xi, slope = rows(y, n, d), rows(noise, n, d), rows(grad, n, d)
        there, pushed, v = rows(to, n, d), rows(p, n, d), np.empty(d, real)
        for i in range(n):
            step = own[i] if len(own) else real(size)
            momentum(xi[i], s, u, lam, pushed[i])
            half = real(0.5) * step
            for j in range(d):
                pushed[i, j] -= half * slope[i, j]
            velocity(pushed[i], s, u, lam, v)
            for j in range(d):
                there[i, j] = here[i, j] + step * v[j]

    @numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
    def move(n, d, size, steps, k, scale, vectors, values, y, p, grad):  # type: ignore[no-untyped-def]
        """A whole kick and a drift, in place."""
        s, u, lam = line(scale, d), rows(vectors, k, d), line(values, k)
        own = line(steps, n)
        at, pushed, slope, v = rows(y, n, d), rows(p, n, d), rows(grad, n, d), np.empty(d, real)
        for i in range(n):
            step = own[i] if len(own) else real(size)
            for j in range(d):
                pushed[i, j] -= step * slope[i, j]
            velocity(pushed[i], s, u, lam, v)
            for j in range(d):
                at[i, j] += step * v[j]

    @numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
    def fall(n, d, size, steps, k, scale, vectors, values, energy, noise, end, p, grad, out):  # type: ignore[no-untyped-def]
        """How far F + p^T Sigma p / 2 falls, with half a kick at the end."""
        s, u, lam = line(scale, d), rows(vectors, k, d), line(values, k)
        own = line(steps, n)
        xi, pushed, slope = rows(noise, n, d), rows(p, n, d), rows(grad, n, d)
        before, after, to = line(energy, n), line(end, n), line(out, n)
        last, v = np.empty(d, real), np.empty(d, real)
        for i in range(n):
            half = real(0.5) * (own[i] if len(own) else real(size))
            for j in range(d):
                last[j] = pushed[i, j] - half * slope[i, j]
            velocity(last, s, u, lam, v)
            # momenta of some noise have the noise's own length
            kinetic = real(0.5) * (dot(xi[i], xi[i]) - dot(last, v))
            to[i] = before[i] - after[i] + kinetic

    @numba.njit(nogil=True, cache=True, error_model="numpy")
    def settle(  # type: ignore[no-untyped-def]
        key, n, d, largest_rise, log_ratio, y, energy, grad, other_y, other_energy, other_grad,
        out_y, out_energy, out_grad, acceptance, accepted, bad,
    ):  # fmt: skip
        """Each chain to the other point with probability min(1, exp(log_ratio))."""
        ratios, chances = line(log_ratio, n), line(acceptance, n)
        moved, flagged = (
            carray(pointer(accepted), n, np.bool_),
            carray(pointer(bad), n, np.bool_),
        )
        one, two, to = line(energy, n), line(other_energy, n), line(out_energy, n)
        for i in range(n):
            # a number that is not one compares as false
            fine = ratios[i] > -largest_rise and ratios[i] < math.inf
            chances[i] = math.exp(min(ratios[i], real(0))) if fine else real(0)
            flagged[i] = not fine
            moved[i] = uniform(key, i) < chances[i]
            to[i] = two[i] if moved[i] else one[i]
        take(moved, rows(y, n, d), rows(other_y, n, d), rows(out_y, n, d))
        if grad != 0:
            take(moved, rows(grad, n, d), rows(other_grad, n, d), rows(out_grad, n, d))

    return {"push": push, "move": move, "fall": fall, "settle": settle}


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


KERNELS = {4: _for(np.float32, single_uniform), 8: _for(np.float64, double_uniform)}
"""Each loop by the bytes of a number and its name"""
