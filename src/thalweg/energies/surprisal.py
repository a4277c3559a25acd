"""An energy on the scale of how rare it is."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thalweg.core import Energy, Indicators, InputError, is_exporting
from thalweg.energies.normal_tail import log_ndtr

KNOTS = 256
"""Values that are kept of those that came up"""

LEAST_WIDTH, WIDTH_OF_ZEROS = 0.05, 0.25
"""Of log energies, at least: what is always the same varies by this; and where most are 0"""

UPPER = 0.8
"""Quantile from which on the last slope of log energies is taken"""

FEW_TIES, RARE_TIES = 3, 0.01
"""Rows, and share of all rows, that may have the same energy and be as rare as a single one"""

TIES = 64
"""Values that came up more than once that are kept, at most"""


class Surprisal(Energy):
    r"""How rare an energy at least so high is among rows: minus the log of their share.

    .. math::
        F(y) = -\log S(F_0(y)), \qquad S(f) = \frac{1 + \#\{i : f_i \ge f\}}{n + 1}

    linear between the energies f_i that came up. Energies of any units are so brought to one, nats:
    3 is one row in twenty, 7 one in a thousand. Beyond the ``body`` of the rows, where few came up
    or what came up need not belong, S goes on as that of a log-normal variable with the quantiles
    of the upper half of the body, or as wide as its last slope asks for if that is wider. What came
    up several times is no rarer than that.

    Parameters
    ----------
    energy : Energy
        F_0, at least 0.
    values : Tensor
        (n,), energies f_i of rows.
    body : float, default 1
        The share of them, the lowest, that is taken at its word; above 1/2.
    in_nats : bool, default False
        Whether F_0 is a mean of surprisals: then it goes on beyond the body as F_0 itself does,
        for the mean of -log p of however dependent p is at least x with probability e^(1 - x) at
        most.

    References
    ----------
    Vovk and Wang, "Combining p-values via averaging" (2020).
    Efron, "Large-scale simultaneous hypothesis testing: the choice of a null hypothesis" (2004),
    for a null that is read off the middle of the data.

    Examples
    --------
    >>> from thalweg.energies import NeighborDistance
    >>> far = NeighborDistance(torch.zeros(1, 1), 1)
    >>> rare = Surprisal(far, torch.arange(1.0, 100.0))
    >>> torch.exp(-rare(torch.tensor([[50.0], [99.0]])))
    tensor([0.5100, 0.0200])
    """

    knots: Tensor
    logs: Tensor
    tail: Tensor
    ties: Tensor

    def __init__(
        self, energy: Energy, values: Tensor, body: float = 1.0, in_nats: bool = False
    ) -> None:
        super().__init__()
        if not 0.5 < body <= 1:
            raise InputError(f"Surprisal: body must be above 1/2 and at most 1, got {body!r}")
        self.energy, self.in_nats = energy, in_nats
        values = values.detach().double()
        # what is beyond all numbers is taken for the largest
        values = rounded(values.nan_to_num(nan=math.inf).clamp(max=1e300))
        knots, logs = _steps(values, body)
        self.register_buffer("knots", knots)
        self.register_buffer("logs", logs)
        self.register_buffer("tail", tail_of(values, body))
        self.register_buffer("ties", _ties(values))

    @property
    def indicators(self) -> Indicators | None:
        return self.energy.indicators

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        value: Tensor = self.energy(y, x)
        return self.of(value.double()).to(value)

    def of(self, f: Tensor) -> Tensor:
        """-log S of energies of :attr:`energy`."""
        knots, logs = self.knots.double(), self.logs.double()
        right = _place(knots, f).clamp(1, len(knots) - 1)
        low, high = knots[right - 1], knots[right]
        part = ((f - low) / (high - low)).clamp(max=1)
        inside = logs[right - 1] + part * (logs[right] - logs[right - 1])
        beyond = logs[-1] + self._log_tail(torch.maximum(f, knots[-1])) - self._log_tail(knots[-1])
        return torch.where(f > knots[-1], self._as_often(f, beyond), inside)

    def _as_often(self, f: Tensor, rare: Tensor) -> Tensor:
        """-log S, no more than by how often so high an energy came up several times."""
        values, most = self.ties.double()
        cap = most[_place(values, f).clamp(max=TIES - 1)]
        cap = cap.clamp_min(self.logs[-1].double())
        # still rising, if by little
        return torch.where(rare > cap, cap + 1e-3 * (rare - cap + 1).log(), rare)

    def _log_tail(self, f: Tensor) -> Tensor:
        """-log S beyond the body, up to a constant."""
        if self.in_nats:
            return f
        least, middle, width = self.tail.double()
        return -log_ndtr((middle - (f + least).log()) / width)

    def restricted(self, visible: Tensor) -> Surprisal | None:
        view = self.energy.restricted(visible)
        if view is None:
            return None
        rare = Surprisal.__new__(Surprisal)
        Energy.__init__(rare)
        rare.energy, rare.in_nats = view, self.in_nats
        for name in ("knots", "logs", "tail", "ties"):
            rare.register_buffer(name, getattr(self, name))
        return rare

    def fillings(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self.energy.fillings(y, x)

    def draw_fillings(
        self, y: Tensor, n_draws: int, generator: torch.Generator, x: Tensor | None = None
    ) -> Tensor | None:
        return self.energy.draw_fillings(y, n_draws, generator, x)

    def expect(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self.energy.expect(y, x)


def _place(knots: Tensor, f: Tensor) -> Tensor:
    """How many of the knots (k,), rising, are below each energy (n,)."""
    if is_exporting():
        # in operations that every format has
        return (knots < f.detach()[..., None]).sum(dim=-1)
    return torch.searchsorted(knots, f.detach().contiguous())


def rounded(values: Tensor) -> Tensor:
    """Energies of which those that differ by rounding alone are the same."""
    some = values[values > 0]
    unit = 1e-9 * some.median() if len(some) else values.new_ones(())
    near = values < 1e6 * unit * 1e9
    return torch.where(near, (values / unit).round() * unit, values)


def _steps(values: Tensor, body: float) -> tuple[Tensor, Tensor]:
    """Energies, rising, and -log S of each; always of one length."""
    n = len(values)
    found, count = values.sort().values.unique_consecutive(return_counts=True)
    least = torch.cumsum(count, 0) - count  # rows below
    logs = math.log(n + 1) - (1 + n - least).double().log()
    inside = max(1, int((least < body * n).sum()))
    found, logs = found[:inside], logs[:inside]
    # below all of them it falls on, so that even there less is less
    step = torch.maximum(found[-1] - found[0], found[0].abs()).clamp_min(1e-12)
    found = torch.cat([found[:1] - step, found])
    logs = torch.cat([logs[:1] - 1 / n, logs])
    even = logs[0] + (logs[-1] - logs[0]) * torch.linspace(0, 1, KNOTS).to(logs)
    low = (torch.searchsorted(logs, even) - 1).clamp(0, len(logs) - 2)
    part = (even - logs[low]) / (logs[low + 1] - logs[low])
    return found[low] + part * (found[low + 1] - found[low]), even


def tail_of(values: Tensor, body: float) -> Tensor:
    """What is added before the log, and median and width of the log energies."""
    n = len(values)
    ranked = values.sort().values
    half, inside = ranked[(n - 1) // 2], ranked[: max(1, math.ceil(body * n))]
    some = ranked[ranked > 0]
    # of what is mostly 0 the rest says how far off is far
    least = 1e-3 * half if half > 0 else some.median() if len(some) else half
    least = least.clamp_min(1e-12)
    middle, logs = (half + least).log(), (inside + least).log()
    z = torch.special.ndtri((torch.arange(len(inside)).to(logs) + 0.5) / n)
    use = z > 0
    width = logs.new_zeros(())
    if bool(use.any()):
        width = (z * (logs - middle))[use].sum() / z[use].square().sum()
    first = min(int(min(UPPER, body - 0.1) * n), len(inside) - 1)
    if len(inside) - first > 1:
        last = (logs[-1] - logs[first]) / (z[-1] - z[first])
        width = torch.maximum(width, last)
    return torch.stack(
        [least, middle, width.clamp_min(LEAST_WIDTH if half > 0 else WIDTH_OF_ZEROS)]
    )


def _ties(values: Tensor) -> Tensor:
    """(2, TIES): values that came up several times; -log of how often this or a higher one did."""
    found, count = values.sort().values.unique_consecutive(return_counts=True)
    several = count > max(FEW_TIES, RARE_TIES * len(values))
    found, count = found[several], count[several]
    most = count.flip(0).cummax(0).values.flip(0) if len(count) else count
    # where it falls, and the last ones if there are too many
    falls = torch.ones_like(most, dtype=torch.bool)
    falls[:-1] = most[:-1] > most[1:]
    found, most = found[falls][1 - TIES :], most[falls][1 - TIES :]
    result = values.new_full((2, TIES), 1e150)
    # what is higher by rounding alone is the same
    result[0, : len(found)] = found * (1 + 1e-8)
    result[1, : len(found)] = -((1 + most.double()) / (len(values) + 1)).log()
    return result
