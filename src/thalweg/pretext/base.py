"""The form of every way to spoil a row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor


class Corrupted(NamedTuple):
    """Rows as the model sees them."""

    y: Tensor
    """``(n, *shape)``, NaN where an entry is hidden from the model"""
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
