"""How far the furthest cell of a row is, by its column alone."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from thalweg.core import Energy, check_columns
from thalweg.energies.normal_tail import log_ndtr
from thalweg.energies.surprisal import tail_of

ODDS = 10
"""How much rarer than chance a cell has to be to count by itself"""


class FarCell(Energy):
    r"""The surprisal of the cell that is furthest off in its column, for as many as there are.

    .. math::
        F(y) = \max_j -\log S_j(|y_j - m_j|) - \log 10 d

    m is the median, S_j the tail of a log-normal variable with the quantiles of the upper half of
    the column's distances, or as wide as their last slope asks for. Of columns that are as usual,
    exp(-F) is at least the probability of so high a value (Bonferroni). Of a row that is unusual in
    one cell alone, distances over all columns see little.

    Parameters
    ----------
    rows : Tensor
        (m, d), NaN where hidden; each column has a visible entry.
    columns : sequence of int
        Which entries are numbers, and count.
    body : float
        The share of each column's distances that is taken at its word.
    visible : Tensor, optional
        (n, d), bool: what counts of the rows that are asked about.
    """

    middle: Tensor
    tails: Tensor
    columns: Tensor

    def __init__(
        self, rows: Tensor, columns: list[int], body: float, visible: Tensor | None = None
    ) -> None:
        super().__init__()
        self.d, self.visible = rows.shape[1], visible
        part = rows.detach()[:, columns].double()
        middle = part.nanmedian(dim=0).values if len(columns) else part.new_zeros(0)
        tails = [tail_of(_seen(part[:, j] - middle[j]).abs(), body) for j in range(len(columns))]
        self.middle = nn.Parameter(middle.to(rows), requires_grad=False)
        self.register_buffer("tails", torch.stack(tails) if tails else part.new_zeros(0, 3))
        place = torch.tensor(columns, dtype=torch.long, device=rows.device)
        self.register_buffer("columns", place, persistent=False)

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        check_columns("FarCell", y, self.d)
        least, middle, width = self.tails.double().unbind(dim=1)
        away = (y[:, self.columns].double() - self.middle.double()).abs()
        far = -log_ndtr((middle - (away + least).log()) / width)
        if self.visible is not None:
            far = torch.where(self.visible[:, self.columns], far, 0)
        # 0 where no number is seen
        most = torch.cat([far, far.new_zeros(y.shape[0], 1)], dim=1).max(dim=1).values
        return (most - math.log(max(1, len(self.columns)) * ODDS)).clamp_min(0).to(y)

    def restricted(self, visible: Tensor) -> FarCell:
        view = copy.copy(self)
        view.visible = visible if self.visible is None else self.visible & visible
        return view


def _seen(values: Tensor) -> Tensor:
    return values[~values.isnan()]
