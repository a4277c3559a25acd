"""The gradient of a SiLU network's single output by its input, written out, without a graph."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from thalweg.core import values_known

NARROW = 16
"""Inputs of a layer up to which they are few"""

silu_backward = torch.ops.aten.silu_backward


def value_and_input_gradient(layers: Sequence[nn.Linear], y: Tensor) -> tuple[Tensor, Tensor]:
    """The output (n,) for rows (n, d), and its gradient (n, d)."""
    *inner, last = layers
    at, slopes = y, []
    for i, layer in enumerate(inner):
        at, slope = _through(layer, at, first=i == 0)
        slopes.append(slope)
    value = torch.addmv(last.bias, at, last.weight[0])
    if not inner:
        return value, last.weight.detach().expand(len(y), -1)
    grad = slopes.pop().mul_(last.weight)
    return value, _back(inner, grad, slopes)


def input_gradient(layers: Sequence[nn.Linear], y: Tensor) -> Tensor:
    """The gradient (n, d) alone: the last nonlinearity has a slope and no value."""
    *inner, last = layers
    if not inner:
        return last.weight.detach().expand(len(y), -1)
    at, slopes = y, []
    for i, layer in enumerate(inner[:-1]):
        at, slope = _through(layer, at, first=i == 0)
        slopes.append(slope)
    field = torch.addmm(inner[-1].bias, at, inner[-1].weight.T)
    if _is_native(field, last.weight):
        from thalweg.kernels.gates import slope_times  # compiled: slow to import

        slope_times(field.numpy(), last.weight[0].numpy())
        grad = field
    else:
        grad = silu_backward(last.weight.expand_as(field), field)
    return _back(inner, grad, slopes)


def _is_native(y: Tensor, weight: Tensor) -> bool:
    if not values_known(y, weight):
        return False
    right = y.is_cpu and y.dtype in (torch.float32, torch.float64) and y.dtype == weight.dtype
    return right and y.is_contiguous() and len(y) > 0


def _through(layer: nn.Linear, y: Tensor, first: bool) -> tuple[Tensor, Tensor]:
    """What comes out of a layer and its nonlinearity, (n, h), and the nonlinearity's slope."""
    if not _is_native(y, layer.weight):
        field = torch.addmm(layer.bias, y, layer.weight.T)
        return silu(field), silu_backward(torch.ones_like(field), field)
    from thalweg.kernels.gates import fill_first, fill_silu  # compiled: slow to import

    if first and layer.in_features <= NARROW:
        out, slope = y.new_empty(2, len(y), layer.out_features)
        fill_first(y.numpy(), layer.weight.numpy(), layer.bias.numpy(), out.numpy(), slope.numpy())
    else:
        field = torch.addmm(layer.bias, y, layer.weight.T)
        out, slope = torch.empty_like(field), torch.empty_like(field)
        fill_silu(field.numpy(), out.numpy(), slope.numpy())
    return out, slope


def _back(layers: Sequence[nn.Linear], grad: Tensor, slopes: list[Tensor]) -> Tensor:
    """From the gradient by the field of the last of the layers to that by the input."""
    first = layers[0]
    for layer, slope in zip(reversed(layers[1:]), reversed(slopes), strict=True):
        grad = grad @ layer.weight
        if layer is layers[1] and first.in_features <= NARROW and _is_native(grad, first.weight):
            from thalweg.kernels.gates import fill_back  # compiled: slow to import

            out = grad.new_empty(len(grad), first.in_features)
            fill_back(grad.numpy(), slope.numpy(), first.weight.numpy(), out.numpy())
            return out
        grad = grad.mul_(slope)
    if first.in_features <= NARROW:
        # a product with few columns is fast only this way round
        return linear(grad, first.weight.T.contiguous())
    return grad @ first.weight
