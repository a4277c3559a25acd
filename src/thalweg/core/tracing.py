"""Whether values can be looked at, or are followed as symbols."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor

P = ParamSpec("P")
T = TypeVar("T")


def is_exporting() -> bool:
    """Whether ``torch.export`` (or ONNX, which starts from it) is following the code."""
    # before torch 2.7 there is one flag for both
    ask = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)
    return bool(ask())


def values_known(*tensors: Tensor) -> bool:
    """Whether code may branch on what tensors hold, and hand them to compiled loops.

    Not while ``torch.export`` follows it, nor within ``torch.func.vmap``, ``grad``, ``jvp``: there
    is one path for all values, that of the formula, and rows are taken as complete.
    """
    if is_exporting():
        return False
    if torch.compiler.is_dynamo_compiling():
        return True  # torch.compile goes back to Python where code asks for a value
    return not any(map(is_functorch_wrapped_tensor, tensors))


def is_transformed() -> bool:
    """Whether a transform of ``torch.func`` is under way, of these tensors or of others."""
    return torch._C._functorch.peek_interpreter_stack() is not None


def out_of_graph(function: Callable[P, T]) -> Callable[P, T]:
    """A function that calls compiled loops, as ``torch.compile`` may meet it: not looked into."""
    if not torch.compiler.is_dynamo_compiling():
        return function
    hidden: Callable[P, T] = torch.compiler.disable(function)
    return hidden


def all_known(flags: Tensor) -> bool:
    """Whether all flags are set, and that can be known."""
    return values_known(flags) and bool(flags.all())
