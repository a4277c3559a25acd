"""The form of every way to spoil a row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor

from thalweg.core import HIDDEN_TOKEN, visible


class Corrupted(NamedTuple):
    """Rows as the model sees them."""

    y: Tensor
    """``(n, *shape)``, NaN (in whole numbers -1) where an entry is hidden from the model"""
    asked: Tensor
    """``(n, *shape)``, bool: the entries that it has to bring back"""


class Corruption(ABC):
    """Settings, and a way to spoil rows; hidden (NaN) entries of the data are never asked for."""

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})"

    @abstractmethod
    def __call__(self, y: Tensor, generator: torch.Generator) -> Corrupted:
        """Spoil rows ``(n, *shape)``."""


class Hiding(Corruption):
    """A part of each row taken away: the model knows which, and has to say what it was.

    A row may be a table's (d,), an image (height, width[, channels]), a clip (time, height, width[,
    channels]) or a sequence of tokens (time,). A row of which all that is visible would go, as may
    be where much is hidden in the data, is left as it is and asked for nothing.
    """

    @abstractmethod
    def hidden(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """Which entries to take away: bool, the shape of y or one that broadcasts to it."""

    def __call__(self, y: Tensor, generator: torch.Generator) -> Corrupted:
        known = visible(y)
        taken = self.hidden(y, generator) & known
        # where all that is visible would go, nothing does
        left = (known & ~taken).flatten(1).any(dim=1)
        taken = taken & left.reshape(-1, *[1] * (y.dim() - 1))
        missing = torch.nan if y.is_floating_point() else HIDDEN_TOKEN
        return Corrupted(torch.where(taken, missing, y), taken)
