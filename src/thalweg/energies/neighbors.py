"""Energies of rows by how far the rows of a table are from them."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from thalweg.core import Energy, InputError, check_columns, rows_alike

MOST_NUMBERS = 2**20
"""Distances held at a time on a CPU"""

MOST_ON_GPU = 2**25

CANCELS = 1e-6
"""Share of the squared lengths below which a square is taken from differences"""

FEW_PATTERNS = 8
"""Rows that show the same, in the mean, from which on they are looked at together"""


class _Known(NamedTuple):
    """Of the rows that may be near, in double precision."""

    rows: Tensor
    """(m, d), about the center, 0 where hidden"""
    there: Tensor
    """(m, d), 1 where visible"""
    whole: bool
    """whether all are"""
    center: Tensor
    """(d,)"""
    usual: Tensor
    """(), the mean squared distance of two rows"""


class NeighborDistance(Energy):
    r"""How far the nearest rows are, in the mean.

    .. math::
        E(y, z) = \|y - y_z\|, \qquad
        F(y) = \frac{1}{k} \min_{|S| = k} \sum_{z \in S} E(y, z)

    z is which row explains y: with k = 1 this is the minimum over z, as of K-means with a point for
    each row; with more, so many explanations have to be near. A hidden coordinate of y or of a row
    counts as much as those that both show do in the mean: with d coordinates, s of which are shown,
    :math:`E^2 = \frac{d}{s} \sum_{\text{shown}} (y_j - y_{zj})^2`.

    Parameters
    ----------
    rows : Tensor
        (m, d), NaN where hidden; each column has a visible entry.
    k : int
        From 1 to m.
    visible : Tensor, optional
        (n, d), bool: what counts of the rows that are asked about.

    References
    ----------
    Ramaswamy, Rastogi, Shim, "Efficient algorithms for mining outliers from large data sets",
    SIGMOD 2000; Angiulli and Pizzuti, "Fast outlier detection in high dimensional spaces",
    PKDD 2002, for the mean.

    Examples
    --------
    >>> energy = NeighborDistance(torch.tensor([[0.0], [1.0], [5.0]]), 2)
    >>> energy(torch.tensor([[0.0], [3.0]]))
    tensor([0.5000, 2.0000])
    """

    rows: Tensor
    shown: Tensor

    def __init__(self, rows: Tensor, k: int, visible: Tensor | None = None) -> None:
        super().__init__()
        if not 1 <= k <= len(rows):
            raise InputError(f"NeighborDistance: k must be from 1 to {len(rows)}, got {k}")
        # hidden entries apart: a file of a model has numbers alone
        self.rows = nn.Parameter(rows.detach().nan_to_num(), requires_grad=False)
        self.register_buffer("shown", ~rows.isnan())
        self.k, self.visible = k, visible

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        check_columns("NeighborDistance", y, self.rows.shape[1])
        known = self._known()
        parts = []
        for at in self._pieces(y):
            squares = self._squares(y[at], self._seen(at), known)
            least = squares.topk(self.k, dim=1, largest=False, sorted=False).values
            # the root of 0 has no slope; what is no number stays none
            root = torch.where(least == 0, 1, least).sqrt() * (least != 0)
            parts.append(root.mean(dim=1))
        return torch.cat(parts).to(y)

    def _seen(self, at: slice) -> Tensor | None:
        return None if self.visible is None else self.visible[at]

    def _pieces(self, y: Tensor, numbers: int = 0) -> list[slice]:
        most = MOST_NUMBERS if y.device.type == "cpu" else MOST_ON_GPU
        size = max(1, most // max(len(self.rows), numbers))
        return [slice(start, start + size) for start in range(0, max(1, len(y)), size)]

    def _known(self) -> _Known:
        """What one call needs of the rows, whatever it is about."""
        there = self.shown.double()
        # the median, which a far row does not move
        shown = torch.where(self.shown, self.rows.double(), torch.nan)
        center = shown.nanmedian(dim=0).values.nan_to_num()
        away, count = (self.rows.double() - center) * there, there.sum(dim=0).clamp_min(1)
        variance = away.square().sum(dim=0) / count - (away.sum(dim=0) / count).square()
        usual = 2 * variance.clamp_min(0).sum()
        return _Known(away, there, bool(self.shown.all()), center, usual)

    def _squares(self, y: Tensor, visible: Tensor | None, known: _Known) -> Tensor:
        """Squared distances (n, m), in double precision about the median of the rows."""
        if visible is not None and known.whole:
            groups = rows_alike(visible.cpu().numpy())
            if len(groups) * FEW_PATTERNS <= len(y):
                return self._by_pattern(y, visible, groups, known)
        rows, there = known.rows, known.there
        d, y = y.shape[1], y.double() - known.center
        if visible is None and known.whole:
            norms = y.square().sum(dim=1, keepdim=True) + rows.square().sum(dim=1)
            return self._exact(torch.addmm(norms, y, rows.T, alpha=-2), norms, y, rows)
        seen = torch.ones_like(y) if visible is None else visible.double()
        y = torch.where(seen > 0, y, 0)
        norms = y.square() @ there.T + seen @ rows.square().T
        both = seen @ there.T
        squares = torch.addmm(norms, y, rows.T, alpha=-2)
        squares = self._exact(squares, norms, y, rows, seen, there)
        # two rows that show nothing in common are as far as rows are in the mean
        return torch.where(both > 0, squares * (d / both.clamp_min(1)), known.usual)

    def _by_pattern(
        self, y: Tensor, visible: Tensor, groups: list[NDArray[np.int64]], known: _Known
    ) -> Tensor:
        """The same where many rows show the same: of the columns that they show."""
        result = y.new_empty(len(y), len(self.rows), dtype=torch.float64)
        for group in groups:
            at = torch.from_numpy(group).to(y.device)
            seen = visible[at[0]]
            if bool(seen.any()):
                part = known._replace(
                    rows=known.rows[:, seen], there=known.there[:, seen], center=known.center[seen]
                )
                squares = self._squares(y[at][:, seen], None, part)
                result[at] = squares * (len(seen) / int(seen.sum()))
            else:
                result[at] = known.usual
        return result

    def _exact(
        self,
        squares: Tensor,
        norms: Tensor,
        y: Tensor,
        rows: Tensor,
        seen: Tensor | None = None,
        there: Tensor | None = None,
    ) -> Tensor:
        """Squares from differences where products have cancelled, of what both show."""
        near, row = (squares < CANCELS * norms).nonzero().unbind(dim=1)
        if not len(near):
            return squares
        size, parts = max(1, MOST_NUMBERS // y.shape[1]), []
        for i, j in zip(near.split(size), row.split(size), strict=True):
            away = (y[i] - rows[j]).square()
            if seen is not None and there is not None:
                away = away * seen[i] * there[j]
            parts.append(away.sum(dim=1))
        return squares.index_put((near, row), torch.cat(parts))

    def restricted(self, visible: Tensor) -> NeighborDistance:
        seen = visible if self.visible is None else self.visible & visible
        view = copy.copy(self)
        view.visible = seen
        return view

    def fillings(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """What the nearest rows have, each and in the mean."""
        few = min(self.k, 4)
        known, pieces = self._known(), self._pieces(y, self.k * y.shape[1])
        found = [self._filled(y[at], self._seen(at), few, known) for at in pieces]
        return torch.cat(found, dim=1).to(y)

    def expect(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return self.fillings(y, x)[-1]

    def _filled(self, y: Tensor, visible: Tensor | None, few: int, known: _Known) -> Tensor:
        squares = self._squares(y, visible, known)
        which = squares.topk(self.k, dim=1, largest=False).indices
        values, shown = self.rows[which], self.shown[which]
        count = shown.sum(dim=1)
        mean = (values * shown).sum(dim=1) / count.clamp_min(1)
        mean = torch.where(count > 0, mean, known.center.to(mean))
        each = torch.where(shown, values, mean[:, None])[:, :few].transpose(0, 1)
        return torch.cat([each, mean[None]])
