"""Entries of a row that say which word is there, in the units of the row."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Indicators(NamedTuple):
    """Blocks of entries of which one is on: no value between on and off means anything.

    What moves rows (descents, random steps) leaves these entries alone, and changes whole words.
    """

    blocks: tuple[tuple[int, int], ...]
    """where each block starts, and where it stops"""
    off: Tensor
    """(d,), the value of each entry where its word is not there; at numbers it means nothing"""
    on: Tensor
    """(d,), where it is"""

    @property
    def mask(self) -> Tensor:
        """Which entries are indicators: (d,), bool."""
        mask = torch.zeros_like(self.off, dtype=torch.bool)
        for start, stop in self.blocks:
            mask[start:stop] = True
        return mask

    def of(self, block: tuple[int, int], which: Tensor) -> Tensor:
        """The entries of a block for words (n,) counted within it: (n, size of the block)."""
        start, stop = block
        one_hot = torch.nn.functional.one_hot(which, stop - start).bool()
        on, off = (each[start:stop].to(which.device) for each in (self.on, self.off))
        return torch.where(one_hot, on, off)

    def settled(self, y: Tensor) -> Tensor:
        """Rows (..., d) with the word of largest indicator on in each block, the others off."""
        y = y.clone()
        for start, stop in self.blocks:
            # wherever the rows are
            off, on = (each[start:stop].to(y.device) for each in (self.off, self.on))
            most = ((y[..., start:stop] - off) / (on - off)).argmax(dim=-1)
            y[..., start:stop] = self.of((start, stop), most).to(y)
        return y

    def in_units(self, shift: Tensor, scale: Tensor) -> Indicators:
        """For rows y that are y * scale + shift elsewhere."""
        return Indicators(self.blocks, self.off * scale + shift, self.on * scale + shift)
