"""Contrastive divergence: down on the data, up where chains go from there."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Batch, Energy, InputError, Loss
from thalweg.objectives.base import Objective, loss_of, mean_of
from thalweg.objectives.negatives import NegativePoints, Negatives
from thalweg.objectives.scales import checked_noise, with_noise


def both_energies(energy: Energy, batch: Batch, found: NegativePoints) -> tuple[Tensor, Tensor]:
    """F of the data and of the negatives (n,) each, in one pass."""
    n = len(batch.y)
    given = None
    if batch.x is not None and found.x is not None:
        given = torch.cat([batch.x, found.x])
    both = energy(torch.cat([batch.y, found.y]), given)
    return both[:n], both[n:]


class ContrastiveDivergence(Objective):
    r"""The energy of the data against the energy of points that chains found.

    .. math::
        F(y) - F(\hat y) + \alpha \left( F(y)^2 + F(\hat y)^2 \right)

    With :class:`~thalweg.objectives.FromData` it is CD-k, with
    :class:`~thalweg.objectives.FromChains` persistent CD, whose gradient is that of the likelihood
    as far as the chains follow the model. The value hovers around 0 when all is well; it is no
    measure of progress.

    Parameters
    ----------
    negatives : Negatives
    regularization : float, default 0
        Alpha, keeps energies near 0 (they are defined up to a constant only).
    noise : float, default 0
        Standard deviation of Gaussian noise on the data: where they have no width in some direction
        the energy would become ever steeper there, and chains of any step size lose their hold.

    References
    ----------
    Hinton (2002); Tieleman (2008); for the regularization Du and Mordatch (2019), section 3.
    """

    def __init__(
        self, negatives: Negatives, regularization: float = 0.0, noise: float = 0.0
    ) -> None:
        super().__init__()
        self.noise = checked_noise(noise, "ContrastiveDivergence")
        if not regularization >= 0:
            raise InputError(
                f"ContrastiveDivergence: regularization must be at least 0, got {regularization}"
            )
        self.negatives, self.regularization = negatives, regularization

    def begin(self, energy: Energy, y: Tensor, generator: torch.Generator) -> None:
        self.negatives.begin(energy, y, generator)

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        batch = batch._replace(y=with_noise(batch.y, self.noise, generator))
        found = self.negatives(energy, batch, generator)
        data, other = both_energies(energy, batch, found)
        down, up = mean_of(data, batch), other.mean()
        value = down - up
        if self.regularization:
            squares = mean_of(data.square(), batch) + other.square().mean()
            value = value + self.regularization * squares
        return loss_of(value, energy=down, negatives=up, gap=up - down, **found.metrics)
