"""A density with a kernel around each row of a table."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from thalweg.core import Energy, InputError, check_columns
from thalweg.energies.row_distances import MOST_NUMBERS, Euclidean, KnownRows

MOST_ON_GPU = 2**25
"""Distances held at a time on a GPU"""


class Parzen(Energy):
    r"""Minus the log of a density that has a normal kernel around each of m rows.

    .. math::
        E(y, z) = \frac{\|y - y_z\|^2}{2 h^2} + \frac d2 \log(2 \pi h^2), \qquad
        F(y) = -\log \frac1m \sum_{z=1}^m e^{-E(y, z)}

    z is which row explains y, at beta = 1: exp(-F) is a density, and hidden coordinates of y are
    integrated out. What a row hides is known as its column is: a normal density of the column's
    mean and variance takes the kernel's place.

    Parameters
    ----------
    rows : Tensor
        (m, d), NaN where hidden; each column has a visible entry.
    bandwidth : float
        h, above 0.
    apart : bool, default False
        Whether a row that is one of the rows, cell for cell, does not count itself.
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

    def __init__(
        self,
        rows: Tensor,
        bandwidth: float,
        *,
        apart: bool = False,
        visible: Tensor | None = None,
    ) -> None:
        super().__init__()
        if not (bandwidth > 0 and math.isfinite(bandwidth)):
            raise InputError(f"Parzen: bandwidth must be above 0, got {bandwidth}")
        # hidden entries apart: a file of a model has numbers alone
        self.rows = nn.Parameter(rows.detach().nan_to_num(), requires_grad=False)
        self.register_buffer("shown", ~rows.isnan())
        self.register_buffer("bandwidth", torch.tensor(float(bandwidth), dtype=torch.float64,
                                                       device=rows.device))  # fmt: skip
        self.apart, self.visible = apart, visible
        self.distance = Euclidean()

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        check_columns("Parzen", y, self.rows.shape[1])
        known = self._known()
        parts = [-torch.logsumexp(-self._each(y, at, known), dim=1) for at in self._pieces(y)]
        return torch.cat(parts).to(y) if parts else y.sum(dim=1)

    def _each(self, y: Tensor, at: slice, known: KnownRows) -> Tensor:
        """E of rows under every kernel, and the log of how many there are: (n, m)."""
        terms = Terms.of(y[at], None if self.visible is None else self.visible[at], known)
        if not self.apart:
            return terms.energies(self.bandwidth) + math.log(len(self.rows))
        # a row that is there does not count itself: the first one that is it to the last bit
        squares = terms.squares + torch.where(terms.rest == 0, 0, torch.inf)
        first = squares.argmin(dim=1, keepdim=True)
        itself = squares.gather(1, first) == 0
        energies = terms.energies(self.bandwidth)
        left = energies.scatter(1, first, torch.where(itself, torch.inf, energies.gather(1, first)))
        count = (len(self.rows) - itself.double()).clamp_min(1)
        return left + count.log()

    def _known(self) -> KnownRows:
        return self.distance.known(self.rows, self.shown)

    def _pieces(self, y: Tensor) -> list[slice]:
        most = MOST_NUMBERS if y.device.type == "cpu" else MOST_ON_GPU
        size = max(1, most // len(self.rows))
        return [slice(start, start + size) for start in range(0, len(y), size)]

    def restricted(self, visible: Tensor) -> Parzen:
        view = copy.copy(self)
        view.visible = visible if self.visible is None else self.visible & visible
        return view

    def _shares(self, y: Tensor, at: slice, known: KnownRows) -> Tensor:
        """How likely each kernel is, given what is visible: (n, m)."""
        return torch.softmax(-self._each(y, at, known), dim=1)

    def _whole_rows(self, known: KnownRows) -> Tensor:
        """The rows, what they hide at the mean of its column: (m, d), in double precision."""
        mean = known.center + column_moments(known)[0]
        return torch.where(self.shown, self.rows.double(), mean)

    def expect(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        known = self._known()
        rows = self._whole_rows(known)
        parts = [self._shares(y, at, known) @ rows for at in self._pieces(y)]
        return torch.cat(parts).to(y)

    def fillings(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """What the likeliest row has, and the mean of all."""
        known = self._known()
        rows = self._whole_rows(known)
        best = [rows[self._each(y, at, known).argmin(dim=1)] for at in self._pieces(y)]
        return torch.stack([torch.cat(best).to(y), self.expect(y)])

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        device = generator.device
        which = torch.randint(len(self.rows), (n,), generator=generator, device=device)
        known = self._known()
        return self._kernel(which.to(self.rows.device), known, generator).to(self.rows)

    @torch.no_grad()
    def draw_fillings(
        self, y: Tensor, n_draws: int, generator: torch.Generator, x: Tensor | None = None
    ) -> Tensor:
        """A kernel as likely as it explains what is visible, then a draw from it."""
        known, parts = self._known(), []
        for at in self._pieces(y):
            share = self._shares(y, at, known).to(generator.device)
            which = torch.multinomial(share, n_draws, replacement=True, generator=generator)
            drawn = self._kernel(which.T.flatten().to(y.device), known, generator)
            part = y[at]
            parts.append(torch.where(part.isnan(), drawn.reshape(n_draws, *part.shape).to(y), part))
        return torch.cat(parts, dim=1)

    def _kernel(self, which: Tensor, known: KnownRows, generator: torch.Generator) -> Tensor:
        """A draw from each of those kernels: (n, d)."""
        e = torch.randn(len(which), self.rows.shape[1], generator=generator, dtype=torch.float64,
                        device=generator.device).to(which.device)  # fmt: skip
        wide = column_moments(known)[1].sqrt()
        spread = torch.where(self.shown[which], self.bandwidth, wide)
        return self._whole_rows(known)[which] + spread * e

    def log_normalizer(self) -> Tensor:
        return torch.zeros((), dtype=torch.float64, device=self.rows.device)


class Terms:
    """What energies of rows under kernels are made of, whatever the bandwidth."""

    def __init__(self, squares: Tensor, count: Tensor, rest: Tensor) -> None:
        self.squares, self.count, self.rest = squares, count, rest

    @classmethod
    def of(cls, y: Tensor, visible: Tensor | None, known: KnownRows) -> Terms:
        """Squared distances of what both show, how much that is, and what rows hide of y."""
        distance, d = Euclidean(), y.shape[1]
        y = y.double() - known.center
        if visible is None and known.whole:
            squares = distance.whole(y, known.rows)
            return cls(squares, torch.full_like(squares[:1, :1], d), torch.zeros_like(squares[:1]))
        seen = torch.ones_like(y) if visible is None else visible.double()
        y = torch.where(seen > 0, y, 0)
        squares = distance.shared(y, seen, known)
        mean, variance = column_moments(known)
        usual = 0.5 * (y - mean).square() / variance + 0.5 * (2 * math.pi * variance).log()
        return cls(squares, seen @ known.there.T, (usual * seen) @ (1 - known.there).T)

    def energies(self, bandwidth: Tensor) -> Tensor:
        """E of every row under every kernel: (n, m)."""
        constant = self.count * (0.5 * math.log(2 * math.pi) + bandwidth.log())
        return self.squares / (2 * bandwidth.square()) + constant + self.rest


def column_moments(known: KnownRows) -> tuple[Tensor, Tensor]:
    """Mean, about the center, and variance of what is visible of each column: (d,) each."""
    count = known.there.sum(dim=0).clamp_min(1)
    mean = known.rows.sum(dim=0) / count
    variance = ((known.rows - mean) * known.there).square().sum(dim=0) / count
    # a constant column is known as well as double precision is
    return mean, variance.clamp_min(1e-12)


@torch.no_grad()
def best_bandwidth(rows: Tensor, at_a_time: int = 1024) -> float:
    r"""The bandwidth under which rows, each left out in turn, are likeliest.

    .. math::
        h = \arg\max_h \sum_i \log \frac{1}{m - 1} \sum_{z \ne i} e^{-E(y_i, z)}

    Parameters
    ----------
    rows : Tensor
        (m, d), NaN where hidden. Rows that are there twice say nothing of how far apart rows are,
        and are left out for each other.
    at_a_time : int
        Rows that are left out, at most; of more, so many at random places.

    References
    ----------
    Duin, "On the choice of smoothing parameters for Parzen estimators" (1976).
    """
    m, d = rows.shape
    known = Euclidean().known(rows.nan_to_num(), ~rows.isnan())
    order = torch.randperm(m, generator=torch.Generator().manual_seed(0))[:at_a_time]
    asked = rows[order.to(rows.device)]
    terms = Terms.of(asked.nan_to_num(), ~asked.isnan(), known)
    twice = (terms.squares == 0) & (terms.rest == 0)
    spread = float(column_moments(known)[1].mean().sqrt())
    # of a normal table that many rows would have this one
    rule = max(spread, 1e-6) * (4 / (max(m, 2) * (d + 2))) ** (1 / (d + 4))
    low, high = math.log(rule / 20), math.log(4 * rule)

    def cost(logarithm: float) -> float:
        h = torch.tensor(math.exp(logarithm), dtype=torch.float64, device=rows.device)
        left = torch.where(twice, torch.inf, terms.energies(h))
        each = -torch.logsumexp(-left, dim=1)
        return float(each[each.isfinite()].mean()) if bool(each.isfinite().any()) else 0.0

    from scipy.optimize import minimize_scalar

    found = minimize_scalar(cost, bounds=(low, high), method="bounded", options={"xatol": 0.01})
    return math.exp(float(found.x))
