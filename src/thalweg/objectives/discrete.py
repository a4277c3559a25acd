"""Objectives for binary data that look at the rows one flip away."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor
from torch.nn.functional import softplus

from thalweg.core import Batch, Energy, InputError, Loss
from thalweg.objectives.base import Objective, loss_of, mean_of


class FlipObjective(Objective):
    r"""A function of :math:`\Delta_i = \beta (F(y) - F(\bar y_i))`, with bit i of y changed.

    log Z cancels in the difference, and no chain is run.
    """

    @abstractmethod
    def of_differences(self, difference: Tensor) -> Tensor:
        """What each flip costs: the shape of the differences (n, d)."""

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        if energy.space != "binary":
            raise InputError(
                f"{type(self).__name__}: {type(energy).__name__} is an energy of {energy.space} "
                "numbers; expected one of binary numbers, such as RestrictedBoltzmann"
            )
        data = energy(batch.y, batch.x)
        flipped = energy.flipped(batch.y, batch.x)
        cost = self.of_differences(energy.beta * (data[:, None] - flipped)).sum(dim=1)
        down, up = mean_of(data, batch), flipped.mean()
        return loss_of(mean_of(cost, batch), energy=down, negatives=up, gap=up - down)


class PseudoLikelihood(FlipObjective):
    r"""Minus the log of each bit given all others, :math:`\sum_i \log(1 + e^{\Delta_i})`.

    References
    ----------
    Besag, "Statistical analysis of non-lattice data" (1975).
    """

    def of_differences(self, difference: Tensor) -> Tensor:
        return softplus(difference)


class RatioMatching(FlipObjective):
    r"""Score matching for bits, :math:`\sum_i \sigma(\Delta_i)^2`.

    References
    ----------
    Hyvarinen, "Some extensions of score matching" (2007), eq. 17.
    """

    def of_differences(self, difference: Tensor) -> Tensor:
        return torch.sigmoid(difference).square()


class MinimumProbabilityFlow(FlipObjective):
    r"""The flow of probability from the data to rows one flip away,
    :math:`\sum_i e^{\Delta_i / 2}`.

    References
    ----------
    Sohl-Dickstein, Battaglino, DeWeese, "Minimum probability flow learning" (2011), eq. 9.
    """

    def of_differences(self, difference: Tensor) -> Tensor:
        return torch.exp(0.5 * difference)
