"""The value and the gradient of any energy function, in closed form where it has one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from thalweg.core.derivatives import by_autograd
from thalweg.core.energy import Energy

EnergyFunction = Callable[[Tensor], Tensor]
"""y ``(n, *shape)`` to one number a row (n,): an :class:`Energy`, or any function."""


def value_and_gradient(energy_fn: EnergyFunction, y: Tensor) -> tuple[Tensor, Tensor]:
    """F (n,) and its gradient with the shape of y, without a graph."""
    if isinstance(energy_fn, Energy):
        return energy_fn.value_and_gradient(y)
    return by_autograd(energy_fn, y)


def gradient(energy_fn: EnergyFunction, y: Tensor) -> Tensor:
    """The gradient of F alone, which may cost less than both."""
    if isinstance(energy_fn, Energy):
        return energy_fn.gradient(y)
    return by_autograd(energy_fn, y)[1]


@torch.no_grad()
def value(energy_fn: EnergyFunction, y: Tensor) -> Tensor:
    """F (n,), without a graph."""
    return energy_fn(y)
