"""Questions about many rows that need much memory for each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import InputError

BLOCK = 1024
"""Pairs that are asked about at a time: candidates of z multiply what they need."""


def in_blocks(question: Callable[..., Tensor], *parts: Tensor) -> Tensor:
    """The answers to a question about rows, which stand in each of the parts, block by block.

    Raises
    ------
    InputError
        If an answer is not a number.
    """
    n = len(parts[0])
    rows = [slice(start, start + BLOCK) for start in range(0, n, BLOCK)]
    answers = torch.cat([question(*(part[block] for part in parts)) for block in rows])
    check_answers("thalweg", answers.isnan().cpu().numpy())
    return answers


def check_answers(owner: str, bad: NDArray[np.bool_]) -> None:
    """Refuse answers (n, ...) of which some are no numbers."""
    if bad.any():
        row = int(np.argmax(bad.reshape(len(bad), -1).any(axis=1)))
        raise InputError(
            f"{owner}: the answer for row {row} is not a number; expected values that the model "
            "can take (theirs or its own are too large)"
        )
