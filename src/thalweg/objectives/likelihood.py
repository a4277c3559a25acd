"""Maximum likelihood: down on the data, up wherever the model is."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from thalweg.core import Batch, Energy, InputError, Loss
from thalweg.energies import every_state
from thalweg.objectives.base import Objective, loss_of, mean_of, settings_of
from thalweg.samplers.noise import uniform

MOST_LISTED = 20
MOST_DIMENSIONS = 3


class Points(nn.Module, ABC):
    """Points that stand for all of space, with the logarithm of how much of it each is."""

    def begin(self, y: Tensor) -> None:
        """Look at the data, before training."""

    def extra_repr(self) -> str:
        return settings_of(self)

    @abstractmethod
    def forward(self, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Points (m, d) of the type of y, and their log-weights (m,)."""


class EveryState(Points):
    """All states of d binary units, d at most 20: exact."""

    states: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("states", torch.empty(0, 0), persistent=False)

    def forward(self, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        if y.shape[1] > MOST_LISTED:
            raise InputError(
                f"EveryState: y has {y.shape[1]} columns; expected at most {MOST_LISTED}, for "
                "2**d states are listed"
            )
        # listed once: they are many, and the same at every step
        kind = (y.shape[1], y.dtype, y.device)
        if (self.states.shape[1], self.states.dtype, self.states.device) != kind:
            self.states = every_state(y.shape[1]).to(y)
        return self.states, self.states.new_zeros(len(self.states))


class Lattice(Points):
    r"""A lattice over a box around the data, in 1 to 3 dimensions; shifted at random every time.

    The rule is exact up to the part of exp(-F) outside of the box and detail finer than the
    lattice; by the random shift its estimate of Z has no bias at all.

    Parameters
    ----------
    side : int, default 64
        Points a side.
    margin : float, default 0.2
        The box is that much wider than the data, as a share of their range, to each side.
    shifted : bool, default True

    References
    ----------
    Cranley, Patterson, "Randomization of number theoretic methods for multiple integration" (1976).
    """

    low: Tensor
    high: Tensor

    def __init__(self, side: int = 64, margin: float = 0.2, shifted: bool = True) -> None:
        super().__init__()
        if side < 2 or not margin >= 0:
            raise InputError(
                f"Lattice: side is {side} and margin {margin}; expected at least 2 and 0"
            )
        self.side, self.margin, self.shifted = side, margin, shifted
        self.register_buffer("low", torch.empty(0), persistent=False)
        self.register_buffer("high", torch.empty(0), persistent=False)

    def begin(self, y: Tensor) -> None:
        if y.dim() != 2 or y.shape[1] > MOST_DIMENSIONS:
            raise InputError(
                f"Lattice: rows have shape {tuple(y.shape[1:])}; expected at most "
                f"{MOST_DIMENSIONS} columns (importance sampling goes on from there)"
            )
        low, high = y.min(dim=0).values, y.max(dim=0).values
        wide = self.margin * (high - low).clamp_min(1e-6)
        self.low, self.high = low - wide, high + wide

    def forward(self, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        d = y.shape[1]
        steps = torch.arange(self.side, device=y.device).to(y)
        cell = (self.high - self.low) / self.side
        shift = y.new_full((d,), 0.5)
        if self.shifted:
            shift = uniform(shift, generator)
        axes = [self.low[i] + (steps + shift[i]) * cell[i] for i in range(d)]
        points = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(-1, d)
        return points, cell.log().sum().expand(len(points))


class Drawn(Points):
    """Points drawn from another density, each weighted by how rare it is there.

    Parameters
    ----------
    proposal : Energy
        One that can be drawn from and knows its log Z, wider than the model.
    n : int, default 1024
    """

    def __init__(self, proposal: Energy, n: int = 1024) -> None:
        super().__init__()
        self.proposal, self.n = normalized(proposal, "Drawn"), n

    def forward(self, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        points, log_q = drawn_with_density(self.proposal, self.n, generator)
        return points, -log_q - math.log(self.n)


class MaximumLikelihood(Objective):
    r"""Minus the mean log-likelihood, the expectation over the model from points with weights.

    .. math::
        \beta F(y) + \log Z, \qquad
        \nabla = \beta \left( \nabla F(y) - E_P[\nabla F] \right),
        \qquad \log Z = \log \sum_i w_i e^{-\beta F(y_i)}

    Its value is the negative log-likelihood itself. With :class:`EveryState` or :class:`Lattice`
    the expectation is exact (to the lattice's error), with :class:`Drawn` it is an importance
    sampling estimate.

    Parameters
    ----------
    points : Points

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "A tutorial on energy-based learning" (2006), eq. 18.
    """

    def __init__(self, points: Points) -> None:
        super().__init__()
        self.points = points
        self._begun = False

    def begin(self, energy: Energy, y: Tensor, generator: torch.Generator) -> None:
        self.points.begin(y)
        self._begun = True

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        if not self._begun:
            self.begin(energy, batch.y, generator)
        points, log_weight = self.points(batch.y, generator)
        if batch.x is not None:
            raise InputError("MaximumLikelihood: x is given; expected an energy of y alone")
        both = energy.beta * energy(torch.cat([batch.y, points]))
        data, model = both[: len(batch.y)], both[len(batch.y) :]
        log_z = torch.logsumexp(log_weight - model, dim=0)
        down = mean_of(data, batch)
        return loss_of(down + log_z, energy=down, log_z=log_z)


def normalized(noise: Energy, owner: str) -> Energy:
    """The energy itself, where it can be drawn from and knows its log Z."""
    device = next(itertools.chain(noise.parameters(), noise.buffers(), [torch.empty(0)])).device
    with torch.no_grad():
        if noise.log_normalizer() is None or noise.draw(1, torch.Generator(device)) is None:
            raise InputError(
                f"{owner}: {type(noise).__name__} cannot be drawn from or has no log_normalizer; "
                "expected a normalized density, such as Normal, NormalMixture or Bernoulli"
            )
    return noise


@torch.no_grad()
def drawn_with_density(noise: Energy, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """n draws (n, d), and the log density of each (n,)."""
    drawn = noise.draw(n, generator)
    assert drawn is not None
    return drawn, log_density(noise, drawn)


@torch.no_grad()
def log_density(noise: Energy, y: Tensor) -> Tensor:
    """log of the normalized density of an energy that knows its log Z: (n,)."""
    log_z = noise.log_normalizer()
    assert log_z is not None
    own = next(itertools.chain(noise.parameters(), noise.buffers(), [y]))
    return (-noise.beta * noise(y.to(own.dtype)) - log_z).to(y.dtype)
