"""Questions about many rows that need much memory for each."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

BLOCK = 1024
"""Pairs that are asked about at a time: candidates of z multiply what they need."""


def in_blocks(question: Callable[..., Tensor], *parts: Tensor) -> Tensor:
    """The answers to a question about rows, which stand in each of the parts, block by block."""
    n = len(parts[0])
    rows = [slice(start, start + BLOCK) for start in range(0, n, BLOCK)]
    return torch.cat([question(*(part[block] for part in parts)) for block in rows])
