"""The gradient of a SiLU network's single output by its input, written out, without a graph."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from thalweg.energies.silu import slope_through
from thalweg.energies.silu_network import network_of, value_and_gradient

NARROW = 16
"""Inputs of a layer up to which they are few"""


def value_and_input_gradient(layers: Sequence[nn.Linear], y: Tensor) -> tuple[Tensor, Tensor]:
    """The output (n,) for rows (n, d), and its gradient (n, d)."""
    network = network_of(layers, y)
    if network is not None:
        return value_and_gradient(network, y)
    fields = _fields(layers, y)
    *inner, last = layers
    at = silu(fields[-1]) if inner else y
    return torch.addmv(last.bias, at, last.weight[0]), _back(layers, y, fields)


def input_gradient(layers: Sequence[nn.Linear], y: Tensor) -> Tensor:
    """The gradient (n, d) alone: the last nonlinearity has a slope and no value."""
    network = network_of(layers, y)
    if network is not None:
        return value_and_gradient(network, y)[1]
    return _back(layers, y, _fields(layers, y))


def _fields(layers: Sequence[nn.Linear], y: Tensor) -> list[Tensor]:
    """What goes into each nonlinearity, (n, h)."""
    fields: list[Tensor] = []
    for layer in layers[:-1]:
        at = silu(fields[-1]) if fields else y
        fields.append(torch.addmm(layer.bias, at, layer.weight.T))
    return fields


def _back(layers: Sequence[nn.Linear], y: Tensor, fields: list[Tensor]) -> Tensor:
    """The gradient by the input, from the output's."""
    *inner, last = layers
    if not inner:
        return last.weight.detach().expand(y.shape[0], -1)
    grad = last.weight.expand_as(fields[-1])
    for layer, field in zip(reversed(inner[1:]), reversed(fields[1:]), strict=True):
        grad = slope_through(grad, field) @ layer.weight
    grad, first = slope_through(grad, fields[0]), inner[0]
    if first.in_features <= NARROW:
        # a product with few columns is fast only this way round
        return linear(grad, first.weight.T.contiguous())
    return grad @ first.weight
