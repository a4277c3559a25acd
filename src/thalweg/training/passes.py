"""Rows gone through again and again, as tensors where the energy is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from thalweg.data import Source

SHARE = 0.25
"""Of the memory that a GPU has free, at most, for rows that are kept there between passes"""


class Passes:
    """Chunks of rows on a device; a GPU is given rows once where there is room for all of them.

    Parameters
    ----------
    rows : Source
    device : device
    """

    def __init__(self, rows: Source, device: torch.device) -> None:
        self.rows, self.device = rows, device
        self._kept: list[tuple[int, Tensor]] | None = None

    def __iter__(self) -> Iterator[tuple[int, Tensor]]:
        """Each chunk with the position of its first row, in order."""
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[tuple[int, Tensor]] | None = [] if self.keeps else None
        for start, chunk in self.rows.chunks():
            y = torch.from_numpy(np.ascontiguousarray(chunk)).to(self.device)
            if kept is not None:
                kept.append((start, y))
            yield start, y
        self._kept = kept

    @property
    def keeps(self) -> bool:
        """Whether rows stay on the device."""
        if self._kept is not None:
            return True
        if self.device.type != "cuda":
            return False
        size = len(self.rows) * self.rows.n_columns * self.rows.dtype.itemsize
        return size <= SHARE * torch.cuda.mem_get_info(self.device)[0]
