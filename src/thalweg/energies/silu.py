r"""SiLU and its derivatives, so that what trains derivatives of a network needs no second graph.

.. math::
    \phi(a) = a s, \quad \phi' = s (1 + a (1 - s)), \quad \phi'' = s (1 - s) (2 + a (1 - 2 s)),
    \quad \phi''' = s (1 - s) (3 - 6 s + a (1 - 6 s + 6 s^2)), \qquad s = 1 / (1 + e^{-a})
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from thalweg.core import is_exporting, values_known
from thalweg.core.tracing import is_transformed


def _second(a: Tensor, s: Tensor) -> Tensor:
    return s * (1 - s) * (2 + a * (1 - 2 * s))


def slope_through(g: Tensor, a: Tensor) -> Tensor:
    """g phi'(a), without a graph."""
    if not values_known(g, a):
        # in operations that every format has
        s = a.sigmoid()
        return g * s * (1 + a * (1 - s))
    slope: Tensor = torch.ops.aten.silu_backward(g, a)
    return slope


class SlopeThrough(torch.autograd.Function):
    """g phi'(a): a gradient on its way back through the nonlinearity, with a gradient itself."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, a: Tensor) -> Tensor:
        ctx.save_for_backward(g, a)
        return torch.ops.aten.silu_backward(g, a)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor]:
        (u,) = upstream
        g, a = ctx.saved_tensors
        return torch.ops.aten.silu_backward(u, a), u * g * _second(a, a.sigmoid())


class Along(torch.autograd.Function):
    r"""phi(a), and its derivatives along m directions: a' (m, ...) and the sum a'' of the a_i''.

    .. math::
        h = \phi(a), \quad h_i' = \phi'(a) a_i', \quad h'' = \phi'(a) a'' + \phi''(a) \sum a_i'^2
    """

    @staticmethod
    def forward(
        ctx: Any, a: Tensor, first: Tensor, second: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        s = a.sigmoid()
        squares = first.square().sum(dim=0)
        up, upper = s * (1 + a * (1 - s)), _second(a, s)
        ctx.save_for_backward(a, s, first, second, up, upper, squares)
        return a * s, up * first, up * second + upper * squares

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u, v, w = upstream
        a, s, first, second, up, upper, squares = ctx.saved_tensors
        third = s * (1 - s) * (3 - 6 * s + a * (1 - 6 * s * (1 - s)))
        at = u * up + upper * ((v * first).sum(dim=0) + w * second) + third * w * squares
        return at, v * up + (2 * w * upper) * first, w * up


class _SiLU(torch.autograd.Function):
    """phi(a), whose gradient has a gradient in closed form."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        ctx.save_for_backward(a)
        return torch.nn.functional.silu(a)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Tensor:
        (a,) = ctx.saved_tensors
        found: Tensor = SlopeThrough.apply(upstream[0], a)
        return found


def silu(a: Tensor) -> Tensor:
    """phi(a), for networks whose gradient by what they see is trained: a few passes less there."""
    if is_exporting() or is_transformed():
        return torch.nn.functional.silu(a)
    found: Tensor = _SiLU.apply(a)
    return found
