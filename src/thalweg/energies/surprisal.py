"""An energy on the scale of how rare it is."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thalweg.core import Energy, Indicators, InputError

KNOTS = 256
"""Values that are kept of those that came up"""

LEAST_WIDTH = 0.02
"""Of log energies: what is always the same is taken to vary by this at least"""


class Surprisal(Energy):
    r"""How rare an energy at least so high is among rows: minus the log of their share.

    .. math::
        F(y) = -\log S(F_0(y)), \qquad S(f) = \frac{1 + \#\{i : f_i \ge f\}}{n + 1}

    linear between the energies f_i that came up. Energies of any units are so brought to one, nats:
    3 is one row in twenty, 7 one in a thousand. Beyond the ``body`` of the rows, where few came up
    or what came up need not belong, S goes on as that of a log-normal variable with the quantiles
    of the upper half of the body.

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

    def __init__(
        self, energy: Energy, values: Tensor, body: float = 1.0, in_nats: bool = False
    ) -> None:
        super().__init__()
        if not 0.5 < body <= 1:
            raise InputError(f"Surprisal: body must be above 1/2 and at most 1, got {body!r}")
        self.energy, self.in_nats = energy, in_nats
        values = values.detach().double()
        # what is beyond all numbers is taken for the largest
        values = values.nan_to_num(nan=math.inf).clamp(max=1e300)
        knots, logs = _steps(values, body)
        self.register_buffer("knots", knots)
        self.register_buffer("logs", logs)
        self.register_buffer("tail", _tail(values, body))

    @property
    def indicators(self) -> Indicators | None:
        return self.energy.indicators

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        value: Tensor = self.energy(y, x)
        return self.of(value.double()).to(value)

    def of(self, f: Tensor) -> Tensor:
        """-log S of energies of :attr:`energy`."""
        knots, logs = self.knots.double(), self.logs.double()
        right = torch.searchsorted(knots, f.detach().contiguous()).clamp(1, len(knots) - 1)
        low, high = knots[right - 1], knots[right]
        part = ((f - low) / (high - low)).clamp(max=1)
        inside = logs[right - 1] + part * (logs[right] - logs[right - 1])
        beyond = logs[-1] + self._log_tail(torch.maximum(f, knots[-1])) - self._log_tail(knots[-1])
        return torch.where(f > knots[-1], beyond, inside)

    def _log_tail(self, f: Tensor) -> Tensor:
        """-log S beyond the body, up to a constant."""
        if self.in_nats:
            return f
        least, middle, width = self.tail.double()
        return -torch.special.log_ndtr((middle - (f + least).log()) / width)

    def restricted(self, visible: Tensor) -> Surprisal | None:
        view = self.energy.restricted(visible)
        if view is None:
            return None
        rare = Surprisal.__new__(Surprisal)
        Energy.__init__(rare)
        rare.energy, rare.in_nats = view, self.in_nats
        for name in ("knots", "logs", "tail"):
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


def _tail(values: Tensor, body: float) -> Tensor:
    """What is added before the log, and median and width of the log energies."""
    n = len(values)
    ranked = values.sort().values
    inside = ranked[: max(1, math.ceil(body * n))]
    half = ranked[(n - 1) // 2]
    least = (1e-3 * torch.where(half > 0, half, inside.mean())).clamp_min(1e-12)
    middle = (half + least).log()
    upper = torch.arange(n, device=values.device)
    share = (upper + 0.5) / n
    use = (share > 0.5) & (share <= body)
    z = torch.special.ndtri(share[use].double())
    away = (ranked[use] + least).log() - middle
    width = (z * away).sum() / z.square().sum() if bool(use.any()) else least.new_zeros(())
    return torch.stack([least, middle, width.clamp_min(LEAST_WIDTH)])
