"""Chains of a network's energy, many steps in one call: nothing is handed over between two steps.

The energy is the network's output and k |y|^2 / 2. Chains go in blocks as rows of
:mod:`thalweg.kernels.perceptron` do; each has all its steps before the next block begins.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from thalweg.kernels import simd
from thalweg.kernels.perceptron import FAST, back, ends_at, forth, gather, scatter


@numba.njit(**FAST)
def langevin(  # type: ignore[no-untyped-def]
    like, weights, offsets, sizes, stiffness, steps, spreads, y, energy, grad, noise,
    to_y, to_energy, to_grad, fine, start, stop,
):  # fmt: skip
    """Every step y - eta F'(y) + spread noise of some chains, and whether it led to numbers.

    From y and grad (n d,), energy (n,), with noise (steps, n d), eta and spread (n,) each: where
    the chains are after each step. One that would not be at a number stays where it is.
    """
    width, widest, d, _n = 2 * simd.lanes(like), max(sizes), sizes[0], len(energy)
    zero, half = like.dtype.type(0), like.dtype.type(0.5) * like.dtype.type(stiffness)
    at = np.empty(ends_at(sizes) * width, like.dtype)
    slope = np.empty(len(at), like.dtype)
    one, other = np.empty((2, widest * width), like.dtype)
    here, uphill, xi = np.empty((3, d * width), like.dtype)
    low, eta, spread, sums, total = np.empty((5, width), like.dtype)
    well = np.empty(width, np.bool_)
    nothing = np.empty(0, like.dtype)
    for first in range(start, stop, width):
        count = min(width, stop - first)
        gather(like, y, d, first, count, here, 0)
        gather(like, grad, d, first, count, uphill, 0)
        gather(like, energy, 1, first, count, low, 0)
        gather(like, steps, 1, first, count, eta, 0)
        gather(like, spreads, 1, first, count, spread, 0)
        for t in range(len(noise)):
            gather(like, noise[t], d, first, count, xi, 0)
            for j in range(d):
                for r in range(width):
                    i = j * width + r
                    at[i] = here[i] - eta[r] * uphill[i] + spread[r] * xi[i]
            forth(like, weights, offsets, sizes, at, slope, nothing, 0, one)
            for r in range(width):
                sums[r] = one[r]
                total[r] = zero
            one[:width] = 1
            back(like, weights, sizes, slope, 0, one, other, nothing)
            for j in range(d):
                for r in range(width):
                    i = j * width + r
                    sums[r] += half * at[i] * at[i]
                    one[i] += like.dtype.type(stiffness) * at[i]
                    total[r] += one[i]
            for r in range(width):
                # a sum is not finite if any of its terms is not
                well[r] = math.isfinite(sums[r] + total[r])
                if well[r]:
                    low[r] = sums[r]
            for j in range(d):
                for r in range(width):
                    i = j * width + r
                    if well[r]:
                        here[i] = at[i]
                        uphill[i] = one[i]
            scatter(like, here, d, first, count, to_y[t])
            scatter(like, uphill, d, first, count, to_grad[t])
            for r in range(count):
                to_energy[t, first + r] = low[r]
                fine[t, first + r] = well[r]


@numba.njit(**FAST)
def leapfrog(  # type: ignore[no-untyped-def]
    like, weights, offsets, sizes, stiffness, steps, squares, n_steps, y, p, energy, grad,
    start, stop,
):  # fmt: skip
    """From y, and p with half a kick behind it, over whole kicks and drifts to the last gradient.

    Rows (n d,) are moved in place; steps are (n,), and squares (d,) the diagonal of Sigma, or
    nothing where it is the unit matrix. Of the last point energies (n,) and gradients are filled.
    """
    width, widest, d = 2 * simd.lanes(like), max(sizes), sizes[0]
    half, stiff = like.dtype.type(0.5) * like.dtype.type(stiffness), like.dtype.type(stiffness)
    at = np.empty(ends_at(sizes) * width, like.dtype)
    slope = np.empty(len(at), like.dtype)
    one, other = np.empty((2, widest * width), like.dtype)
    here, pushed = np.empty((2, d * width), like.dtype)
    eta, sums = np.empty((2, width), like.dtype)
    nothing = np.empty(0, like.dtype)
    for first in range(start, stop, width):
        count = min(width, stop - first)
        gather(like, y, d, first, count, here, 0)
        gather(like, p, d, first, count, pushed, 0)
        gather(like, steps, 1, first, count, eta, 0)
        for t in range(n_steps):
            at[: d * width] = here
            forth(like, weights, offsets, sizes, at, slope, nothing, 0, one)
            sums[:] = one[:width]
            one[:width] = 1
            back(like, weights, sizes, slope, 0, one, other, nothing)
            for i in range(d * width):
                one[i] += stiff * here[i]
            if t + 1 < n_steps:
                for j in range(d):
                    speed = squares[j] if len(squares) else like.dtype.type(1)
                    for r in range(width):
                        i = j * width + r
                        pushed[i] -= eta[r] * one[i]
                        here[i] += eta[r] * (speed * pushed[i])
        for j in range(d):
            for r in range(width):
                sums[r] += half * here[j * width + r] * here[j * width + r]
        scatter(like, here, d, first, count, y)
        scatter(like, pushed, d, first, count, p)
        scatter(like, sums, 1, first, count, energy)
        scatter(like, one, d, first, count, grad)
