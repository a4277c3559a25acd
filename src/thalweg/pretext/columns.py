"""What is hidden of the rows of a table: numbers, and words as a whole."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Layout, visible
from thalweg.energies.masked_words import cells_of
from thalweg.pretext.base import Hiding
from thalweg.pretext.masks import Masked


class MaskedColumns(Hiding):
    """A share of the numbers and words of each row, chosen at random, each word as a whole.

    As many as :class:`Masked` hides of a row with one entry for each number and each word.

    Parameters
    ----------
    layout : Layout
    fraction : float or pair of float, default (0.1, 0.9)
        The share, or the range that it is drawn from, row by row.

    Examples
    --------
    >>> import torch
    >>> hide = MaskedColumns(Layout(4, ((0, 3),)), 0.5)
    >>> asked = hide(torch.ones(1, 4), torch.Generator().manual_seed(0)).asked
    >>> int(asked[:, :3].sum()) in (0, 3), bool(asked[0, 0] != asked[0, 3])
    (True, True)
    """

    def __init__(self, layout: Layout, fraction: float | tuple[float, float] = (0.1, 0.9)) -> None:
        self.layout = layout
        self.cells = Masked(fraction)

    def hidden(self, y: Tensor, generator: torch.Generator) -> Tensor:
        cell = cells_of(self.layout).to(y.device)
        known = visible(y)
        unknown = y.new_zeros(len(y), int(cell.max()) + 1)
        unknown = unknown.index_add_(1, cell, (~known).to(unknown))
        one_each = torch.where(unknown == 0, 0.0, torch.nan)
        return self.cells.hidden(one_each, generator)[:, cell]
