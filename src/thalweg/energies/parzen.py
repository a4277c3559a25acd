"""A density with a kernel around each row of a table."""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from thalweg.core import Energy, InputError, Layout, all_known, check_columns, values_known
from thalweg.energies.row_distances import MOST_NUMBERS, Euclidean, KnownRows
from thalweg.energies.word_kernels import SMOOTHING, WordKernels

MOST_ON_GPU = 2**25
"""Distances held at a time on a GPU"""


class Parzen(Energy):
    r"""Minus the log of a density that has a normal kernel around each of m rows.

    .. math::
        E(y, z) = \frac{\|y - y_z\|^2}{2 h^2} + \frac d2 \log(2 \pi h^2), \qquad
        F(y) = -\log \frac1m \sum_{z=1}^m e^{-E(y, z)}

    z is which row explains y, at beta = 1: exp(-F) is a density, and hidden coordinates of y are
    integrated out. What a row hides is known as its column is: a normal density of the column's
    mean and variance, widened by the kernel, takes the kernel's place. Words have kernels of their
    own (:class:`~thalweg.energies.word_kernels.WordKernels`), and E their -log P.

    Parameters
    ----------
    rows : Tensor
        (m, d), NaN where hidden; each column has a visible entry.
    bandwidth : float
        h, above 0.
    layout : Layout, optional
        Which entries are words; none by default.
    smoothing : float, default 0.1
        Of the kernels of words.
    apart : bool, default False
        Whether a whole row that is one of the rows, cell for cell, does not count itself.
    visible : Tensor, optional
        (n, d), bool: what counts of the rows that are asked about.

    References
    ----------
    Rosenblatt (1956); Parzen, "On estimation of a probability density function and mode" (1962).

    Examples
    --------
    >>> energy = Parzen(torch.tensor([[0.0], [4.0]]), 1.0)
    >>> energy(torch.tensor([[0.0], [2.0]])).round(decimals=3)
    tensor([1.6120, 2.9190])
    """

    rows: Tensor
    shown: Tensor
    bandwidth: Tensor
    smoothing: Tensor

    def __init__(
        self,
        rows: Tensor,
        bandwidth: float,
        *,
        layout: Layout | None = None,
        smoothing: float = SMOOTHING,
        apart: bool = False,
        visible: Tensor | None = None,
    ) -> None:
        super().__init__()
        if not (bandwidth > 0 and math.isfinite(bandwidth)):
            raise InputError(f"Parzen: bandwidth must be above 0, got {bandwidth}")
        if not 0 < smoothing <= 1:
            raise InputError(f"Parzen: smoothing must be above 0 and at most 1, got {smoothing}")
        # hidden entries apart: a file of a model has numbers alone
        self.rows = nn.Parameter(rows.detach().nan_to_num(), requires_grad=False)
        self.register_buffer("shown", ~rows.isnan())
        for name, value in (("bandwidth", bandwidth), ("smoothing", smoothing)):
            kept = torch.tensor(float(value), dtype=torch.float64, device=rows.device)
            self.register_buffer(name, kept)
        self.layout = Layout(rows.shape[1]) if layout is None else layout
        self.apart, self.visible = apart, visible

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        check_columns("Parzen", y, self.rows.shape[1])
        kernels = self._kernels()
        parts = []
        for at in self._pieces(y):
            energies = kernels.energies(y[at], self._seen(at, y))
            count = torch.full_like(energies[:, 0], float(len(self.rows)))
            if self.apart and len(self.rows) > 1:
                # the first one that it is, cell for cell
                itself = kernels.same(y[at], self._seen(at, y))
                first = itself & (itself.cumsum(dim=1) == 1)
                energies = torch.where(first, torch.inf, energies)
                count = count - first.sum(dim=1)
            parts.append(count.log() - torch.logsumexp(-energies, dim=1))
        return torch.cat(parts).to(y)

    def _kernels(self) -> Kernels:
        return Kernels(self.rows, self.shown, self.layout, self.bandwidth, self.smoothing)

    def _seen(self, at: slice, y: Tensor) -> Tensor:
        return (
            torch.ones_like(y[at], dtype=torch.bool) if self.visible is None else self.visible[at]
        )

    def _pieces(self, y: Tensor) -> list[slice]:
        if not values_known(y):
            return [slice(None)]
        most = MOST_NUMBERS if y.device.type == "cpu" else MOST_ON_GPU
        size = max(1, most // len(self.rows))
        return [slice(start, start + size) for start in range(0, max(1, len(y)), size)]

    def restricted(self, visible: Tensor) -> Parzen:
        view = copy.copy(self)
        view.visible = visible if self.visible is None else self.visible & visible
        return view

    def _shares(self, y: Tensor, at: slice, kernels: Kernels) -> Tensor:
        """How likely each kernel is, given what is visible: (n, m)."""
        return torch.softmax(-kernels.energies(y[at], self._seen(at, y)), dim=1)

    def expect(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        kernels = self._kernels()
        means = kernels.means()
        return torch.cat([self._shares(y, at, kernels) @ means for at in self._pieces(y)]).to(y)

    def fillings(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """What the likeliest row has, and the mean of all."""
        kernels = self._kernels()
        rows = torch.where(self.shown, self.rows.double(), kernels.means())
        best = [rows[self._shares(y, at, kernels).argmax(dim=1)] for at in self._pieces(y)]
        return torch.stack([torch.cat(best).to(y), self.expect(y)])

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        which = torch.randint(len(self.rows), (n,), generator=generator, device=generator.device)
        return self._kernels().draw(which.to(self.rows.device), generator).to(self.rows)

    @torch.no_grad()
    def draw_fillings(
        self, y: Tensor, n_draws: int, generator: torch.Generator, x: Tensor | None = None
    ) -> Tensor:
        """A kernel as likely as it explains what is visible, then a draw from it."""
        kernels, parts = self._kernels(), []
        for at in self._pieces(y):
            part = y[at]
            if not len(part):
                return y.expand(n_draws, *y.shape)
            share = self._shares(y, at, kernels).to(generator.device)
            which = torch.multinomial(share, n_draws, replacement=True, generator=generator)
            drawn = kernels.draw(which.T.flatten().to(y.device), generator)
            parts.append(torch.where(part.isnan(), drawn.reshape(n_draws, *part.shape).to(y), part))
        return torch.cat(parts, dim=1)

    def log_normalizer(self) -> Tensor:
        return torch.zeros((), dtype=torch.float64, device=self.rows.device)


class Parts(NamedTuple):
    """Of rows and kernels, what energies are made of whatever the bandwidth."""

    squares: Tensor
    """(n, m), squared distances of the numbers that both show"""
    shared: Tensor
    """(n, m), how many these are"""
    away: Tensor | None
    """(n, numbers), squared distances from the means of columns; None where nothing is hidden"""
    weight: Tensor
    """(n, numbers), 1 where a number is visible"""


class Kernels:
    """The kernels of rows (m, d), numbers and words."""

    def __init__(
        self, rows: Tensor, shown: Tensor, layout: Layout, bandwidth: Tensor, smoothing: Tensor
    ) -> None:
        self.layout, self.numbers = layout, layout.numbers
        self.bandwidth, self.shown = bandwidth, shown
        self.known = Euclidean().known(rows[:, self.numbers], shown[:, self.numbers])
        self.mean, self.variance = column_moments(self.known)
        self.words = WordKernels(layout, rows, shown, smoothing)

    def energies(self, y: Tensor, visible: Tensor) -> Tensor:
        """E of rows y (n, d) under each kernel: (n, m)."""
        energies = self.of(self.parts(y, visible), self.bandwidth)
        return energies + self.words.energies(y, visible) if self.layout.words else energies

    def same(self, y: Tensor, visible: Tensor) -> Tensor:
        """Whether a row is that of a kernel, both of them whole: (n, m)."""
        same = self.parts(y, visible).squares == 0
        here = torch.where(visible, y, 0).double()
        for start, stop in self.layout.words:
            same = same & (here[:, start:stop] @ self.words.rows[:, start:stop].T > 0)
        return same & visible.all(dim=1, keepdim=True) & self.shown.all(dim=1)

    def parts(self, y: Tensor, visible: Tensor) -> Parts:
        """What E is made of, whatever the bandwidth."""
        y, seen = y[:, self.numbers].double() - self.known.center, visible[:, self.numbers]
        y, weight = torch.where(seen, y, 0), seen.double()
        if self.known.whole and all_known(seen):
            squares = Euclidean().whole(y, self.known.rows)
            return Parts(squares, torch.full_like(squares, len(self.numbers)), None, weight)
        squares = Euclidean().shared(y, weight, self.known)
        return Parts(squares, weight @ self.known.there.T, (y - self.mean).square(), weight)

    def of(self, parts: Parts, bandwidth: Tensor) -> Tensor:
        """E of the visible numbers: (n, m)."""
        constant = parts.shared * (0.5 * math.log(2 * math.pi) + bandwidth.log())
        energies = parts.squares / (2 * bandwidth.square()) + constant
        if parts.away is None:
            return energies
        variance = self.variance + bandwidth.square()
        usual = 0.5 * (parts.away / variance + (2 * math.pi * variance).log())
        return energies + (usual * parts.weight) @ (1 - self.known.there).T

    def means(self) -> Tensor:
        """The mean of each kernel: (m, d)."""
        result = self.words.means()
        there = self.shown[:, self.numbers]
        rows = self.known.rows + self.known.center
        result[:, self.numbers] = torch.where(there, rows, self.mean + self.known.center)
        return result

    def draw(self, which: Tensor, generator: torch.Generator) -> Tensor:
        """A draw from each of those kernels: (n, d)."""
        e = torch.randn(len(which), len(self.numbers), generator=generator, dtype=torch.float64,
                        device=generator.device).to(which.device)  # fmt: skip
        spread = torch.where(self.shown[which][:, self.numbers], self.bandwidth,
                             (self.variance + self.bandwidth.square()).sqrt())  # fmt: skip
        means = self.means()[which]
        result = self.words.draw(means, generator)
        result[:, self.numbers] = means[:, self.numbers] + spread * e
        return result


def column_moments(known: KnownRows) -> tuple[Tensor, Tensor]:
    """Mean, about the center, and variance of what is visible of each column: (d,) each."""
    count = known.there.sum(dim=0).clamp_min(1)
    mean = known.rows.sum(dim=0) / count
    return mean, ((known.rows - mean) * known.there).square().sum(dim=0) / count
