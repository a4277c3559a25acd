"""The gradient of a SiLU network by compiled loops over blocks of rows, and what trains it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from thalweg.core import values_known
from thalweg.core.compiled import LIKE, CompiledNetwork

FEW = 128
"""Width of layers up to which blocks of mostly empty rows are no loss"""

PARTS = 8
"""Parts that rows are summed in, at most"""


def parameters_of(layers: Sequence[nn.Linear]) -> list[Tensor]:
    """Weights, layer by layer, and then offsets."""
    return [*(layer.weight for layer in layers), *(layer.bias for layer in layers)]


def network_of(layers: Sequence[nn.Linear], y: Tensor) -> CompiledNetwork | None:
    """A network as compiled loops take it, where they are the way for rows (n, d)."""
    if torch.compiler.is_dynamo_compiling() or torch.is_autocast_enabled("cpu"):
        return None
    parameters = parameters_of(layers)
    if not values_known(y, *parameters) or not (y.is_cpu and y.dtype in LIKE and y.dim() == 2):
        return None
    for each in parameters:
        if each is None or each.dtype != y.dtype or not (each.is_cpu and each.is_contiguous()):
            return None
    depth = len(layers)
    addresses = np.array([each.data_ptr() for each in parameters])
    sizes = [layers[0].in_features, *(layer.out_features for layer in layers)]
    network = CompiledNetwork(LIKE[y.dtype], addresses[:depth], addresses[depth:], np.array(sizes))
    enough = 2 * len(y) >= network.rows_of_a_block or (len(y) and max(sizes) <= FEW)
    return network if enough else None


def value_and_gradient(network: CompiledNetwork, y: Tensor) -> tuple[Tensor, Tensor]:
    """The output (n,) for rows (n, d), and its gradient (n, d)."""
    from thalweg.kernels import perceptron  # compiled: slow to import

    value, grad = y.new_empty(len(y)), y.new_empty(y.shape)
    rows, to_value, to_grad = _flat(y), _flat(value), _flat(grad)
    _over_blocks(
        network, len(y),
        lambda a, b: perceptron.value_and_gradient(*network, rows, to_value, to_grad, a, b),
    )  # fmt: skip
    return value, grad


class Values(torch.autograd.Function):
    """The output (n,) for rows (n, d), with a graph to weights and offsets."""

    @staticmethod
    def forward(ctx: Any, network: CompiledNetwork, y: Tensor, *parameters: Tensor) -> Tensor:
        from thalweg.kernels import perceptron  # compiled: slow to import

        value = y.new_empty(len(y))
        kept, rows, to = _room(network, len(y), 2), _flat(y), _flat(value)
        _over_blocks(
            network, len(y), lambda a, b: perceptron.values(*network, rows, to, *kept, a, b)
        )
        ctx.network, ctx.kept = network, kept
        ctx.save_for_backward(y, *parameters)
        return value

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        y, *parameters = ctx.saved_tensors
        if torch.is_grad_enabled():
            value = _by_torch(y, parameters)
            return None, None, *_with_graph(value, parameters, upstream[0])
        from thalweg.kernels.perceptron_training import learn_values  # compiled: slow to import

        return None, None, *_learned(learn_values, ctx, len(y), parameters, upstream[0])


class Gradients(torch.autograd.Function):
    """The gradient (n, d) of the output by rows (n, d), with a graph to weights and offsets."""

    @staticmethod
    def forward(ctx: Any, network: CompiledNetwork, y: Tensor, *parameters: Tensor) -> Tensor:
        from thalweg.kernels import perceptron  # compiled: slow to import

        grad = y.new_empty(y.shape)
        kept, rows, to = _room(network, len(y), 4), _flat(y), _flat(grad)
        _over_blocks(
            network, len(y), lambda a, b: perceptron.gradients(*network, rows, to, *kept, a, b)
        )
        ctx.network, ctx.kept = network, kept
        ctx.save_for_backward(y, *parameters)
        return grad

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        y, *parameters = ctx.saved_tensors
        if torch.is_grad_enabled():
            y = y.detach().requires_grad_()
            value = _by_torch(y, parameters).sum()
            (slope,) = torch.autograd.grad(value, y, create_graph=True)
            return None, None, *_with_graph(slope, parameters, upstream[0])
        from thalweg.kernels.perceptron_training import learn_gradients  # compiled: slow to import

        return None, None, *_learned(learn_gradients, ctx, len(y), parameters, upstream[0])


def _flat(value: Tensor) -> NDArray[Any]:
    found: NDArray[Any] = value.detach().contiguous().numpy().reshape(-1)
    return found


def _room(network: CompiledNetwork, n: int, count: int) -> tuple[NDArray[Any], ...]:
    """Arrays for what is kept of n rows."""
    block = network.rows_of_a_block
    size = -(-n // block) * block * int(network.sizes[:-1].sum())
    return tuple(np.empty(size, network.like.dtype) for _ in range(count))


def _over_blocks(network: CompiledNetwork, n: int, kernel: Callable[[int, int], None]) -> None:
    from thalweg.kernels.threads import over_blocks  # compiled: slow to import

    over_blocks(kernel, n, network.rows_of_a_block)


def _learned(
    kernel: Callable[..., None], ctx: Any, n: int, parameters: Sequence[Tensor], upstream: Tensor
) -> list[Tensor]:
    """Gradients by all parameters, of what the kernel says of each part of the rows."""
    from thalweg.kernels.perceptron_training import collect, room  # compiled: slow to import
    from thalweg.kernels.threads import over_blocks

    like, _, _, sizes = ctx.network
    # where they are now: a parameter's data may have been replaced since
    weights = np.array([each.data_ptr() for each in parameters[: len(sizes) - 1]])
    block, given = ctx.network.rows_of_a_block, _flat(upstream)
    rows = block * max(2, -(-n // (block * PARTS)))
    parts = -(-n // rows)
    sums = np.empty((parts, room(sizes, block)), like.dtype)
    over_blocks(
        lambda a, b: kernel(like, weights, sizes, given, *ctx.kept, sums, rows, a, b), parts
    )
    found = [torch.empty_like(each) for each in parameters]
    addresses = np.array([each.data_ptr() for each in found])
    collect(like, sums, sizes, addresses[: len(weights)], addresses[len(weights) :])
    return found


def _by_torch(y: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """The output in operations whose every derivative has a graph."""
    depth = len(parameters) // 2
    for k, (weight, offset) in enumerate(zip(parameters[:depth], parameters[depth:], strict=True)):
        y = torch.nn.functional.linear(y, weight, offset)
        y = torch.nn.functional.silu(y) if k + 1 < depth else y
    return y[:, 0]


def _with_graph(
    value: Tensor, parameters: Sequence[Tensor], upstream: Tensor
) -> tuple[Tensor | None, ...]:
    """Gradients for those who ask for second ones."""
    wanted = [each for each in parameters if each.requires_grad]
    found = iter(torch.autograd.grad(value, wanted, upstream, create_graph=True, allow_unused=True))
    return tuple(next(found) if each.requires_grad else None for each in parameters)
