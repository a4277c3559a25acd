"""Rows and how much each counts, in pieces of a size that sums over them can be taken of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.data import Rows
from thalweg.training.passes import Passes

MOST_NUMBERS = 2**22
"""Differences held at a time on a CPU."""

MOST_ON_GPU = 2**25
"""Products or differences held at a time on a GPU, where few large calls are fast."""


@dataclass(frozen=True)
class Weighted:
    """Rows in memory or on disk, and how much each counts."""

    rows: Rows
    weight: NDArray[np.float64] | None
    shift: Tensor
    """(d,) what is subtracted from rows before products are formed; where it is, sums are taken"""
    hidden: bool

    @cached_property
    def _passes(self) -> Passes:
        return Passes(self.rows, self.shift.device)

    def pieces(
        self, numbers: int, size: int | None = None
    ) -> Iterator[tuple[Tensor, Tensor | None]]:
        """The rows in double precision with their weights, in order, so many at a time.

        Parameters
        ----------
        numbers : int
            How many are made of a row.
        size : int, optional
            Rows at a time on a CPU, by default what MOST_NUMBERS leaves room for.
        """
        on_gpu = self.shift.device.type != "cpu"
        if on_gpu or size is None:
            size = max(1, (MOST_ON_GPU if on_gpu else MOST_NUMBERS) // numbers)
        for start, chunk in self._passes:
            for first in range(0, len(chunk), size):
                y = chunk[first : first + size].to(self.shift.device, torch.float64)
                weight = None
                if self.weight is not None:
                    at = start + first
                    weight = torch.from_numpy(self.weight[at : at + len(y)]).to(y)
                yield y, weight
