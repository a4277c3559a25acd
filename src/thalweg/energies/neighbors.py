"""Energies of rows by how far the rows of a table are from them."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from thalweg.core import Energy, InputError, Part, check_columns, rows_alike, values_known
from thalweg.core.rows_alike import FEW_PATTERNS
from thalweg.energies.row_distances import CANCELS, MOST_NUMBERS, Euclidean, KnownRows, RowDistance

MOST_ON_GPU = 2**25
"""Distances held at a time on a GPU"""


class NeighborDistance(Energy):
    r"""How far the nearest rows are, in the mean.

    .. math::
        E(y, z) = \|y - y_z\|, \qquad
        F(y) = \frac{1}{k} \min_{|S| = k} \sum_{z \in S} E(y, z)

    z is which row explains y: with k = 1 this is the minimum over z, as of K-means with a point for
    each row; with more, so many explanations have to be near. A hidden coordinate of y or of a row
    counts as much as those that both show do in the mean: with d coordinates, s of which are shown,
    :math:`E^2 = \frac{d}{s} \sum_{\text{shown}} (y_j - y_{zj})^2`, or
    :math:`E = \frac{d}{s} \sum_{\text{shown}} |y_j - y_{zj}|`.

    Parameters
    ----------
    rows : Tensor
        (m, d), NaN where hidden; each column has a visible entry.
    k : int
        From 1 to the number of rows that count.
    distance : RowDistance, optional
        ``Euclidean()`` by default, or ``Manhattan()``.
    counts : Tensor, optional
        (m,), bool: which of the rows explain others; all by default.
    apart : bool, default False
        Whether a row that is one of the rows, cell for cell, does not count itself: its energy is
        then that of a row which was not among them.
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
    counts: Tensor | None

    def __init__(
        self,
        rows: Tensor,
        k: int,
        distance: RowDistance | None = None,
        *,
        counts: Tensor | None = None,
        apart: bool = False,
        visible: Tensor | None = None,
    ) -> None:
        super().__init__()
        most = len(rows) if counts is None else int(counts.sum())
        if not 1 <= k <= most:
            raise InputError(f"NeighborDistance: k must be from 1 to {most}, got {k}")
        # hidden entries apart: a file of a model has numbers alone
        self.rows = nn.Parameter(rows.detach().nan_to_num(), requires_grad=False)
        self.register_buffer("shown", ~rows.isnan())
        self.register_buffer("counts", counts)
        self.k, self.apart, self.visible = k, apart, visible
        self.distance = Euclidean() if distance is None else distance

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        check_columns("NeighborDistance", y, self.rows.shape[1])
        known = self._known()
        parts = []
        for at in self._pieces(y):
            seen = self._seen(at)
            if seen is None and known.whole and torch.is_grad_enabled() and values_known(y):
                # which rows are nearest has no slope: a graph is needed for these alone
                with torch.no_grad():
                    least, which = self._least(self._terms(y[at], None, known))
                away = (y[at].double() - known.center)[:, None] - known.rows[which]
                least = torch.where(least == torch.inf, least, self.distance.of_differences(away))
            else:
                least = self._least(self._terms(y[at], seen, known))[0]
            parts.append(self._mean_distance(least))
        return torch.cat(parts).to(y)

    def _mean_distance(self, least: Tensor) -> Tensor:
        """F from the k least terms (n, k), infinite where there are less."""
        there = (least != torch.inf) | (least == torch.inf).all(dim=1, keepdim=True)
        away = self.distance.of(torch.where(there, least, 0))
        return away.sum(dim=1) / there.sum(dim=1)

    def _least(self, terms: Tensor) -> tuple[Tensor, Tensor]:
        """The k least terms of each row, and whose they are: (n, k), infinite if there are less."""
        return self._of_others(*terms.topk(self._taken(terms.shape[1]), dim=1, largest=False))

    def _taken(self, m: int) -> int:
        """How many of m terms are looked at: of a row that is there, the first is itself."""
        return min(self.k + 1, m) if self.apart else self.k

    def _of_others(self, values: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        """The k least of others, from the least of all in their order."""
        if not self.apart:
            return values, which
        itself = values[:, 0] == 0
        last = torch.where(itself[:, None], torch.roll(values, -1, 1), values)
        order = torch.where(itself[:, None], torch.roll(which, -1, 1), which)
        if values.shape[1] > self.k:
            return last[:, : self.k], order[:, : self.k]
        # all rows: of one that is itself there is one less
        gone = itself[:, None] & (torch.arange(self.k, device=values.device) == self.k - 1)
        return torch.where(gone & (self.k > 1), torch.inf, last), order

    def _seen(self, at: slice) -> Tensor | None:
        return None if self.visible is None else self.visible[at]

    def _pieces(self, y: Tensor, numbers: int = 0) -> list[slice]:
        if not values_known(y):
            return [slice(None)]
        most = MOST_NUMBERS if y.device.type == "cpu" else MOST_ON_GPU
        if torch.is_grad_enabled():
            numbers = max(numbers, self.k * y.shape[1])
        size = max(1, most // max(len(self.rows), numbers))
        return [slice(start, start + size) for start in range(0, max(1, len(y)), size)]

    def _known(self) -> KnownRows:
        """What one call needs of the rows, whatever it is about."""
        return self.distance.known(*self._that_count())

    def _that_count(self) -> tuple[Tensor, Tensor]:
        """The rows that explain others, and what they show."""
        if self.counts is None:
            return self.rows, self.shown
        if not values_known(self.rows):
            # how many these are is not known: the others show nothing, and are never near
            return self.rows, self.shown & self.counts[:, None]
        return self.rows[self.counts], self.shown[self.counts]

    def _terms(self, y: Tensor, visible: Tensor | None, known: KnownRows) -> Tensor:
        """What distances (n, m) are made of, in double precision about the median of the rows."""
        if visible is not None and known.whole:
            groups = rows_alike(visible.cpu().numpy())
            if len(groups) * FEW_PATTERNS <= len(y):
                return self._by_pattern(y, visible, groups, known)
        d, y = y.shape[1], y.double() - known.center
        if visible is None and known.whole:
            return self.distance.whole(y, known.rows)
        seen = torch.ones_like(y) if visible is None else visible.double()
        y = torch.where(seen > 0, y, 0)
        both = seen @ known.there.T
        terms = self.distance.shared(y, seen, known) * (d / both.clamp_min(1))
        # two rows that show nothing in common are as far as rows are in the mean
        terms = torch.where(both > 0, terms, known.usual)
        if self.counts is None or len(known.rows) < len(self.counts):
            return terms
        return torch.where(self.counts, terms, torch.inf)

    def _by_pattern(
        self, y: Tensor, visible: Tensor, groups: list[NDArray[np.int64]], known: KnownRows
    ) -> Tensor:
        """The same where many rows show the same: of the columns that they show."""
        result = y.new_empty(len(y), len(known.rows), dtype=torch.float64)
        for group in groups:
            at = torch.from_numpy(group).to(y.device)
            seen = visible[at[0]]
            if bool(seen.any()):
                terms = self._terms(y[at][:, seen], None, known.of_columns(seen))
                result[at] = terms * (len(seen) / int(seen.sum()))
            else:
                result[at] = known.usual
        return result

    def restricted(self, visible: Tensor) -> NeighborDistance:
        seen = visible if self.visible is None else self.visible & visible
        view = copy.copy(self)
        view.visible = seen
        return view

    def codes(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """z*: which rows are nearest, the nearest first: (n, k), numbers of rows."""
        known = self._known()
        number = torch.arange(len(self.rows), device=self.rows.device)
        number = number if self.counts is None else number[self.counts]
        found = [
            self._least(self._terms(y[at], self._seen(at), known))[1] for at in self._pieces(y)
        ]
        return number[torch.cat(found)].to(y)

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        """The mean of the rows of those numbers: (n, d)."""
        which = z.long()
        return _mean_of(self.rows[which], self.shown[which], self._known().center)

    def fillings(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """What the nearest rows have: each, their middle, and in the mean."""
        few = min(self.k, 4)
        known, pieces = self._known(), self._pieces(y, self.k * y.shape[1])
        found = [self._filled(y[at], self._seen(at), few, known) for at in pieces]
        return torch.cat(found, dim=1).to(y)

    def expect(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """What the nearest rows have in the mean, where something is hidden."""
        known, parts = self._known(), []
        for at in self._pieces(y):
            seen = self._seen(at)
            # what all of these rows show is asked of nobody
            asked = None if seen is None else (~seen).any(dim=0).nonzero()[:, 0]
            values, shown = self._of_nearest(*self._least(self._terms(y[at], seen, known)), asked)
            center = known.center if asked is None else known.center[asked]
            mean = _mean_of(values, shown, center).to(y)
            if asked is not None and seen is not None:
                part = y[at].clone()
                part[:, asked] = torch.where(seen[:, asked], part[:, asked], mean)
                mean = part
            parts.append(mean)
        return torch.cat(parts)

    def left_out(self, y: Tensor, parts: Sequence[Part]) -> tuple[Tensor, Tensor]:
        known, visible = self._known(), ~y.isnan()
        if self.visible is not None:
            visible = visible & self.visible
        energies = y.new_empty(len(y), len(parts))
        usual = y.clone()
        for at in self._pieces(y):
            here, seen = y[at].double() - known.center, visible[at]
            whole = None
            if known.whole and bool(seen.all()):
                whole = self.distance.whole(here, known.rows)
                cut = whole.kthvalue(self._taken(whole.shape[1]), dim=1).values
            for j, part in enumerate(parts):
                if whole is not None:
                    least, which = self._least_without(whole, cut, here, known, part)
                else:
                    without = seen.clone()
                    without[:, part] = False
                    least, which = self._least(self._terms(y[at], without, known))
                energies[at, j] = self._mean_distance(least).to(y)
                places = torch.arange(y.shape[1], device=y.device)[part]
                values, shown = self._of_nearest(least, which, places)
                usual[at, part] = _mean_of(values, shown, known.center[places]).to(y)
        return energies, usual

    def _least_without(
        self, whole: Tensor, cut: Tensor, y: Tensor, known: KnownRows, part: Part
    ) -> tuple[Tensor, Tensor]:
        """The k least terms without a part of the columns, of rows that show all.

        ``cut`` is the k-th least of the whole terms.
        """
        kept = torch.ones(y.shape[1], dtype=torch.bool, device=y.device)
        kept[part] = False
        left = int(kept.sum())
        if not left:
            return self._least(torch.full_like(whole, float(known.usual)))
        if y.device.type == "cpu":
            from thalweg.kernels.least_without import least_without  # compiled: slow to import

            sums, last, of, rows, gone = (
                each.detach().numpy() for each in (whole, cut, y, known.rows, ~kept)
            )
            k, squares = self._taken(whole.shape[1]), self.distance.squares
            found = least_without(sums, last, of, rows, gone, k, squares, CANCELS)
            least, which = (torch.from_numpy(each) for each in found)
            if self.apart:
                least, order = least.sort(dim=1)
                which = which.gather(1, order)
            least, which = self._of_others(least, which)
        else:
            least, which = self._least(self.distance.whole(y[:, kept], known.rows[:, kept]))
        return least * (y.shape[1] / left), which

    def _of_nearest(
        self, least: Tensor, which: Tensor, columns: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """What the nearest rows have in those columns, and whether they show it: (n, k, c)."""
        rows, seen = self._that_count()
        if columns is not None:
            rows, seen = rows[:, columns], seen[:, columns]
        return rows[which], seen[which] & (least != torch.inf)[..., None]

    def draw_fillings(
        self, y: Tensor, n_draws: int, generator: torch.Generator, x: Tensor | None = None
    ) -> Tensor:
        """What one of the nearest rows has, each as likely as any other."""
        known, pieces = self._known(), self._pieces(y)
        rows, seen = self._that_count()
        parts = []
        for at in pieces:
            least, which = self._least(self._terms(y[at], self._seen(at), known))
            there = (least != torch.inf).double().to(generator.device)
            one = torch.multinomial(there, n_draws, replacement=True, generator=generator)
            one = which.gather(1, one.to(which.device)).T
            mean = self._filled(y[at], self._seen(at), 1, known)[-1]
            drawn = torch.where(seen[one], rows[one], mean.to(rows))
            parts.append(torch.where(y[at].isnan(), drawn.to(y), y[at]))
        return torch.cat(parts, dim=1)

    def _filled(self, y: Tensor, visible: Tensor | None, few: int, known: KnownRows) -> Tensor:
        least, which = self._least(self._terms(y, visible, known))
        values, shown = self._of_nearest(least, which)
        count = shown.sum(dim=1)
        mean = _mean_of(values, shown, known.center)
        # of absolute differences the least sum is at the median
        middle = torch.where(shown, values, torch.nan).nanmedian(dim=1).values
        middle = torch.where(count > 0, middle, mean)
        each = torch.where(shown, values, mean[:, None])[:, :few].transpose(0, 1)
        return torch.cat([each, middle[None], mean[None]])


def _mean_of(values: Tensor, shown: Tensor, center: Tensor) -> Tensor:
    """Means (n, c) of what is shown of values (n, k, c), the center's where nothing is."""
    count = shown.sum(dim=1)
    mean = (values * shown).sum(dim=1) / count.clamp_min(1)
    return torch.where(count > 0, mean, center.to(mean))
