"""Down the energy, each row at its own pace."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Energy


def descend(
    energy: Energy,
    y: Tensor,
    x: Tensor | None = None,
    free: Tensor | None = None,
    max_steps: int = 200,
    tol: float = 1e-6,
    path: list[Tensor] | None = None,
) -> Tensor:
    """Follow the gradient down from ``y`` to a local minimum of the energy.

    Gradient descent with a step size for each row, doubled after a step that lowered the energy
    enough (Armijo) and halved after one that did not, so that the energy of no row ever rises.

    Parameters
    ----------
    energy : Energy
    y : Tensor
        (n, d), where to start.
    x : Tensor, optional
        What is given.
    free : Tensor, optional
        (n, d), bool: the coordinates that may move; all of them by default.
    max_steps : int, default 200
    tol : float, default 1e-6
        A row is done when a step moves it by less than this share of its length (plus one).
    path : list, optional
        Receives the rows after every step.

    Returns
    -------
    Tensor
        (n, d).
    """
    y = y.detach().clone()
    value, slope = _value_and_gradient(energy, y, x, free)
    # half the gradient is the whole way for a squared distance
    step = torch.full_like(value, 0.5)
    active = torch.ones_like(value, dtype=torch.bool)
    for _ in range(max_steps):
        squared = slope.square().sum(dim=1)
        move = step[:, None] * slope
        active &= move.norm(dim=1) > tol * (1 + y.norm(dim=1))
        if not active.any():
            break
        tried = torch.where(active[:, None], y - move, y)
        tried_value, tried_slope = _value_and_gradient(energy, tried, x, free)
        better = active & (tried_value <= value - 1e-4 * step * squared)
        y = torch.where(better[:, None], tried, y)
        value = torch.where(better, tried_value, value)
        slope = torch.where(better[:, None], tried_slope, slope)
        step = torch.where(better, 2 * step, step / 2)
        if path is not None:
            path.append(y)
    return y


def _value_and_gradient(
    energy: Energy, y: Tensor, x: Tensor | None, free: Tensor | None
) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        at = y.detach().requires_grad_()
        value = energy(at, x)
        (slope,) = torch.autograd.grad(value.sum(), at)
    return value.detach(), slope if free is None else torch.where(free, slope, 0)
