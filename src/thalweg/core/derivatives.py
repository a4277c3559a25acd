"""Derivatives of a function of rows, by autograd."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from thalweg.core.errors import InputError

NO_GRADIENT = (
    "the energy has no gradient by y; expected one that torch can differentiate, or "
    "something that needs none, such as RandomWalk"
)


def by_autograd(function: Callable[[Tensor], Tensor], y: Tensor) -> tuple[Tensor, Tensor]:
    """The value (n,) of a function of rows and its gradient, without a graph."""
    with torch.enable_grad():
        at = y.detach().requires_grad_()
        value = function(at)
        if not value.requires_grad:
            raise InputError(NO_GRADIENT)
        (slope,) = torch.autograd.grad(value.sum(), at)
    return value.detach(), slope


def slope_by_autograd(function: Callable[[Tensor], Tensor], y: Tensor) -> Tensor:
    """The gradient by rows, with a graph that leads on to the function's parameters."""
    return _with_graph(function, y)[2]


def slopes_by_autograd(
    function: Callable[[Tensor, Tensor], Tensor], y: Tensor, x: Tensor
) -> tuple[Tensor, Tensor]:
    """The gradients by rows and by what is given, with a graph."""
    with torch.enable_grad():
        y, x = y.detach().requires_grad_(), x.detach().requires_grad_()
        total = function(y, x).sum()
        by_y, by_x = torch.autograd.grad(total, (y, x), create_graph=True)
    return by_y, by_x


def along_by_autograd(
    function: Callable[[Tensor], Tensor], y: Tensor, directions: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Value (n,), slopes (m, n) and summed curvature (n,) along directions, with a graph."""
    at, value, slope = _with_graph(function, y)
    curvature = torch.zeros_like(value)
    slopes = (slope * directions).flatten(2).sum(dim=2)
    for direction, along in zip(directions, slopes, strict=True):
        if along.requires_grad:
            (turn,) = torch.autograd.grad(
                along.sum(), at, create_graph=True, allow_unused=True, materialize_grads=True
            )
            curvature = curvature + (turn * direction).flatten(1).sum(dim=1)
    return value, slopes, curvature


def _with_graph(function: Callable[[Tensor], Tensor], y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    with torch.enable_grad():
        at = y.detach().requires_grad_()
        value = function(at)
        if not value.requires_grad:
            raise InputError(NO_GRADIENT)
        (slope,) = torch.autograd.grad(value.sum(), at, create_graph=True)
    return at, value, slope
