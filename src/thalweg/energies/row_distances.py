"""How far rows are from those of a table, whose entries may be hidden on both sides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from thalweg.core import all_known, values_known
from thalweg.energies.pairs import suits_kernel

MOST_NUMBERS = 2**20
"""Differences held at a time on a CPU"""

CANCELS = 1e-6
"""Share of the squared lengths below which a square is taken from differences"""


class KnownRows(NamedTuple):
    """Rows that may be near, in double precision."""

    rows: Tensor
    """(m, d), about the center, 0 where hidden"""
    there: Tensor
    """(m, d), 1 where visible"""
    whole: bool
    """whether all are"""
    center: Tensor
    """(d,)"""
    usual: Tensor
    """(), the term of two rows that show nothing in common"""

    def of_columns(self, seen: Tensor) -> KnownRows:
        """Of some of the columns, by a mask (d,)."""
        return self._replace(
            rows=self.rows[:, seen], there=self.there[:, seen], center=self.center[seen]
        )


class RowDistance(ABC):
    """A distance of rows that is a sum over columns, or the root of one."""

    squares: ClassVar[bool]
    """Whether the terms are squares of differences; they are their absolute values otherwise."""

    def known(self, rows: Tensor, shown: Tensor) -> KnownRows:
        """What has to be known of rows (m, d), visible where ``shown``, to be near others."""
        there = shown.double()
        # the median, which a far row does not move
        seen = torch.where(shown, rows.double(), torch.nan)
        if not values_known(rows):
            # any center is right to rounding; this one can be written down as a formula
            center = torch.where(shown, rows.double(), 0).sum(dim=0) / there.sum(dim=0).clamp_min(1)
        else:
            center = seen.nanmedian(dim=0).values.nan_to_num()
        away = (rows.double() - center) * there
        return KnownRows(away, there, all_known(shown), center, self.usual(away, shown))

    @abstractmethod
    def usual(self, away: Tensor, shown: Tensor) -> Tensor:
        """The term of two rows in the mean, where they show nothing in common: ()."""

    @abstractmethod
    def whole(self, y: Tensor, rows: Tensor) -> Tensor:
        """Terms (n, m) of rows y (n, d) and rows (m, d) that show all."""

    @abstractmethod
    def shared(self, y: Tensor, seen: Tensor, known: KnownRows) -> Tensor:
        """Terms (n, m) of what both show; y is 0 where it hides something."""

    @abstractmethod
    def of(self, terms: Tensor) -> Tensor:
        """Distances from terms."""

    def of_differences(self, away: Tensor) -> Tensor:
        """Terms from differences (..., d): (...)."""
        return (away.square() if self.squares else away.abs()).sum(dim=-1)


class Euclidean(RowDistance):
    r""":math:`\|y - y'\|_2`, whose terms are its square."""

    squares = True

    def usual(self, away: Tensor, shown: Tensor) -> Tensor:
        count = shown.sum(dim=0).clamp_min(1)
        variance = away.square().sum(dim=0) / count - (away.sum(dim=0) / count).square()
        return 2 * variance.clamp_min(0).sum()

    def whole(self, y: Tensor, rows: Tensor) -> Tensor:
        if y.shape[1] == 1:
            return (y - rows.T).square()
        if not values_known(y, rows):
            return by_columns(y, rows, torch.square)
        norms = y.square().sum(dim=1, keepdim=True) + rows.square().sum(dim=1)
        return _exact(torch.addmm(norms, y, rows.T, alpha=-2), norms, y, rows)

    def shared(self, y: Tensor, seen: Tensor, known: KnownRows) -> Tensor:
        rows, there = known.rows, known.there
        if not values_known(y, rows):
            return by_columns(y, rows, torch.square, seen, there)
        norms = y.square() @ there.T + seen @ rows.square().T
        squares = torch.addmm(norms, y, rows.T, alpha=-2)
        return _exact(squares, norms, y, rows, seen, there)

    def of(self, terms: Tensor) -> Tensor:
        # the root of 0 has no slope; what is no number stays none
        return torch.where(terms == 0, 1, terms).sqrt() * (terms != 0)


class Manhattan(RowDistance):
    r""":math:`\|y - y'\|_1`: a column that is far off counts no more than by how far."""

    squares = False

    def usual(self, away: Tensor, shown: Tensor) -> Tensor:
        # of two draws of n sorted numbers: sum (2 i - n + 1) y_(i), over n^2 / 2
        ranked = torch.where(shown, away, torch.inf).sort(dim=0).values
        count = shown.sum(dim=0).clamp_min(1)
        place = torch.arange(len(away), device=away.device)[:, None]
        terms = torch.where(ranked.isfinite(), ranked, 0) * (2 * place - count + 1)
        return (2 * terms.sum(dim=0) / count.square()).sum()

    def whole(self, y: Tensor, rows: Tensor) -> Tensor:
        if y.shape[1] == 1:
            return (y - rows.T).abs()
        if not values_known(y, rows) or (torch.is_grad_enabled() and y.requires_grad):
            # torch.cdist has neither second derivatives nor directional ones
            return by_columns(y, rows, torch.abs)
        return torch.cdist(y, rows, p=1.0)

    def shared(self, y: Tensor, seen: Tensor, known: KnownRows) -> Tensor:
        if suits_kernel(y, known.rows) and not (torch.is_grad_enabled() and y.requires_grad):
            from thalweg.kernels.absolute import shared_absolute  # compiled: slow to import

            here, there = (
                torch.where(flag > 0, part, torch.nan).detach().numpy()
                for part, flag in ((y, seen), (known.rows, known.there))
            )
            return torch.from_numpy(shared_absolute(here, there))
        return by_columns(y, known.rows, torch.abs, seen, known.there)

    def of(self, terms: Tensor) -> Tensor:
        return terms


def by_columns(
    y: Tensor,
    rows: Tensor,
    term: Callable[[Tensor], Tensor],
    seen: Tensor | None = None,
    there: Tensor | None = None,
) -> Tensor:
    """The sum over columns of a term of differences, of what both show: (n, m)."""
    total = y.new_zeros(y.shape[0], len(rows))
    for j in range(y.shape[1]):
        gap = term(y[:, j, None] - rows[:, j])
        if seen is not None and there is not None:
            gap = gap * (seen[:, j, None] * there[:, j])
        total = total + gap
    return total


def _exact(
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
