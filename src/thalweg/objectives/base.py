"""The form of every objective."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import nn

from thalweg.core import Batch, Energy, Loss


class Objective(nn.Module, ABC):
    """Something to minimize over the parameters of an energy, given data.

    A module, for some objectives have parameters of their own.
    """

    @abstractmethod
    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        """The loss on a batch; its value carries the graph."""
