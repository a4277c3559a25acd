"""What is said of why something is unusual."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Explanation(NamedTuple):
    """Which parts of each item its energy is there for, and what is usual in their place."""

    contribution: Any
    """F minus F with that part hidden, in the units of the energy: of rows (n, columns), of images
    (n, rows, columns) of squares, of clips (n, frames, rows, columns), of texts a list of arrays
    (tokens,)"""
    usual: Any
    """in the container of what was asked about, in each part what is expected there given the
    others; None where it was not asked for"""
    columns: Any
    """names of the columns; of texts, for each a list of its tokens; else None"""

    def most(self, count: int) -> list[tuple[int, ...]]:
        """(item, place) of the parts of largest contribution, largest first; none that is hidden.

        A place is a column, the row and column of a square, or the number of a token.
        """
        if isinstance(self.contribution, list):
            longest = max((len(each) for each in self.contribution), default=0)
            every = np.zeros((len(self.contribution), longest))
            for row, each in zip(every, self.contribution, strict=True):
                row[: len(each)] = each
        else:
            every = self.contribution
        order = np.argsort(-every, axis=None, kind="stable")
        order = order[every.reshape(-1)[order] != 0][:count]
        places = np.unravel_index(order, every.shape)
        return [tuple(int(i) for i in place) for place in zip(*places, strict=True)]


class Squares(NamedTuple):
    """Images (frames, height, width, channels) cut into squares; at the edges they may be less."""

    shape: tuple[int, int, int, int]
    side: int

    @property
    def grid(self) -> tuple[int, int, int]:
        """(frames, rows, columns) of squares."""
        frames, height, width, _ = self.shape
        return frames, -(-height // self.side), -(-width // self.side)

    def parts(self) -> list[Tensor]:
        """The entries of a flat image that are in each."""
        frames, height, width, channels = self.shape
        place = torch.arange(frames * height * width * channels).reshape(self.shape)
        return [
            place[t, i : i + self.side, j : j + self.side].flatten()
            for t in range(frames)
            for i in range(0, height, self.side)
            for j in range(0, width, self.side)
        ]

    def means(self, values: NDArray[Any]) -> NDArray[np.floating]:
        """The mean in each square of flat images (n, d): (n, frames, rows, columns)."""
        found = [values[:, part.numpy()].mean(axis=1) for part in self.parts()]
        return np.stack(found, axis=1).reshape(len(values), *self.grid)
