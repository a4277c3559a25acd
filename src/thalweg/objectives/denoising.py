"""Learning to map spoiled rows back: denoising and masked autoencoders."""

from __future__ import annotations

import torch

from thalweg.core import Batch, Energy, InputError, Loss
from thalweg.objectives.base import Objective, loss_of, mean_of
from thalweg.pretext import Corruption


class Denoising(Objective):
    r"""The squared error of what is asked for, reconstructed from a spoiled row.

    .. math::
        \sum_{j \in \text{asked}} \left( y_j - r_j(\tilde y) \right)^2

    with r the energy's own ``reconstruct``, g(f(y)) for an autoencoder. The energy
    :math:`\|y - r(y)\|^2` then grows away from the data as far as the corruption reaches, about
    quadratically. With entries taken away (NaN) instead of noise it trains a masked autoencoder.

    Parameters
    ----------
    corruption : Corruption

    References
    ----------
    Vincent, Larochelle, Bengio, Manzagol, "Extracting and composing robust features with denoising
    autoencoders" (2008); Vincent et al. (2010), for masking and salt-and-pepper noise.
    """

    def __init__(self, corruption: Corruption) -> None:
        super().__init__()
        self.corruption = corruption

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        spoiled = self.corruption(batch.y, generator)
        rebuilt = energy.reconstruct(spoiled.y, batch.x)
        if rebuilt is None:
            raise InputError(
                f"Denoising: {type(energy).__name__} does not reconstruct rows; expected an "
                "autoencoder, or another energy with codes"
            )
        # where first: the gradient of what is hidden is not a number
        error = torch.where(spoiled.asked, rebuilt - torch.where(spoiled.asked, batch.y, 0), 0)
        value = mean_of(error.flatten(1).square().sum(dim=1), batch)
        return loss_of(value, error=value / spoiled.asked.flatten(1).sum(dim=1).float().mean())
