"""Margin losses: the data lower than the negatives by enough, and no more asked."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor
from torch.nn.functional import softplus

from thalweg.core import Batch, Energy, InputError, Loss
from thalweg.objectives.base import Objective, loss_of, mean_of
from thalweg.objectives.contrastive_divergence import both_energies
from thalweg.objectives.negatives import Negatives


class MarginLoss(Objective):
    """A function of the energies of a row and of its negative.

    Parameters
    ----------
    negatives : Negatives
    margin : float, default 1
        In units of energy, above 0.
    """

    def __init__(self, negatives: Negatives, margin: float = 1.0) -> None:
        super().__init__()
        if not margin > 0:
            raise InputError(f"{type(self).__name__}: margin must be above 0, got {margin}")
        self.negatives, self.margin = negatives, margin

    @abstractmethod
    def of_pairs(self, data: Tensor, other: Tensor) -> Tensor:
        """The loss of each pair of energies: (n,)."""

    def begin(self, energy: Energy, y: Tensor, generator: torch.Generator) -> None:
        self.negatives.begin(energy, y, generator)

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        found = self.negatives(energy, batch, generator)
        data, other = both_energies(energy, batch, found)
        value = mean_of(self.of_pairs(data, other), batch)
        down, up = mean_of(data, batch), other.mean()
        return loss_of(value, energy=down, negatives=up, gap=up - down, **found.metrics)


class Hinge(MarginLoss):
    r"""The hinge loss, :math:`\max(0,\; m + F(y) - F(\hat y))`.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "A tutorial on energy-based learning" (2006), eq. 11.
    """

    def of_pairs(self, data: Tensor, other: Tensor) -> Tensor:
        return torch.relu(self.margin + data - other)


class LogLoss(MarginLoss):
    r"""The log loss, a soft hinge: :math:`\log\left(1 + e^{F(y) - F(\hat y)}\right)`.

    The margin is where it is soft: differences are counted in units of it.

    References
    ----------
    LeCun et al. (2006), eq. 12.
    """

    def of_pairs(self, data: Tensor, other: Tensor) -> Tensor:
        return self.margin * softplus((data - other) / self.margin)


class SquareSquare(MarginLoss):
    r"""The square-square loss, :math:`F(y)^2 + \max(0,\; m - F(\hat y))^2`.

    For energies that are at least 0; others are brought there.

    References
    ----------
    LeCun et al. (2006), eq. 14.
    """

    def of_pairs(self, data: Tensor, other: Tensor) -> Tensor:
        return data.square() + torch.relu(self.margin - other).square()


class SquareExponential(MarginLoss):
    r"""The square-exponential loss, :math:`F(y)^2 + \gamma e^{-F(\hat y)}`.

    It pushes up for ever, ever less; gamma is the margin.

    References
    ----------
    LeCun et al. (2006), eq. 15.
    """

    def of_pairs(self, data: Tensor, other: Tensor) -> Tensor:
        return data.square() + self.margin * torch.exp(-other)
