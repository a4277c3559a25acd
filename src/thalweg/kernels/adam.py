"""Adam's update of many parameters in one call."""

from __future__ import annotations

import math

import numba

from thalweg.kernels.perceptron import FAST, numbers


@numba.njit(**FAST)
def update(like, places, sizes, rate, betas, epsilon, count):  # type: ignore[no-untyped-def]
    """The update number ``count`` of parameters at the addresses ``places`` (4, parameters).

    The rows of ``places`` are those of parameters, gradients, and the running means of gradients
    and of their squares.
    """
    kind = like.dtype.type
    first, second = kind(1 - betas[0]), kind(1 - betas[1])
    size = kind(rate / (1 - betas[0] ** count))
    scale, least = kind(1 / math.sqrt(1 - betas[1] ** count)), kind(epsilon)
    for k in range(len(sizes)):
        one(
            numbers(places[0, k], sizes[k], like), numbers(places[1, k], sizes[k], like),
            numbers(places[2, k], sizes[k], like), numbers(places[3, k], sizes[k], like),
            first, second, size, scale, least,
        )  # fmt: skip


@numba.njit(**FAST)
def one(parameter, gradient, mean, square, first, second, size, scale, least):  # type: ignore[no-untyped-def]
    """The update of one parameter."""
    for i in range(len(parameter)):
        g = gradient[i]
        mean[i] += first * (g - mean[i])
        square[i] += second * (g * g - square[i])
        parameter[i] -= size * mean[i] / (math.sqrt(square[i]) * scale + least)
