"""Tensors for the compiled loops over chains: on a CPU, in single or double precision."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from thalweg.core.compiled import LIKE

KINDS: dict[torch.dtype, np.dtype[Any]] = {kind: like.dtype for kind, like in LIKE.items()}
"""Types that the loops are compiled for"""

LARGEST = 1 << 18
"""Numbers in a tensor up to which a loop in one thread is the faster way"""


def is_native(y: Tensor, energy: Tensor) -> bool:
    """Whether the compiled loops are the way for rows and energies like these, of one type."""
    right = y.is_cpu and y.dtype in KINDS and energy.dtype == y.dtype
    return right and 0 < y.numel() <= LARGEST


def in_a_row(value: Tensor, like: Tensor) -> Tensor:
    """The numbers in a row, in the type of ``like``; mostly the tensor itself."""
    if value.dtype != like.dtype:
        value = value.to(like.dtype)
    return value if value.is_contiguous() else value.contiguous()


@cache
def kernels(bytes_of_a_number: int) -> dict[str, Callable[..., None]]:
    """The loops of :mod:`thalweg.kernels.moves` for a type."""
    from thalweg.kernels.moves import KERNELS, LIKE  # compiled: slow to import

    like = LIKE[bytes_of_a_number]
    return {name: partial(kernel, like) for name, kernel in KERNELS.items()}
