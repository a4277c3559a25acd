"""Learning to map spoiled rows back: denoising and masked autoencoders."""

from __future__ import annotations

import torch

from thalweg.core import Batch, Energy, InputError, Loss
from thalweg.objectives.base import Objective, loss_of, mean_of
from thalweg.pretext import Corruption


class Denoising(Objective):
    r"""What it costs to bring back what is asked for, from a spoiled row.

    .. math::
        \sum_{j \in \text{asked}} \left( y_j - r_j(\tilde y) \right)^2
        \quad \text{or, of tokens,} \quad
        -\sum_{j \in \text{asked}} \log p(y_j \mid \tilde y)

    with r the energy's own ``reconstruct``, g(f(y)) for an autoencoder
    (:meth:`thalweg.core.Energy.recovery_cost` says which of the two). The energy
    :math:`\|y - r(y)\|^2` then grows away from the data as far as the corruption reaches, about
    quadratically. With entries taken away (NaN) instead of noise it trains a masked autoencoder.

    Parameters
    ----------
    corruption : Corruption

    References
    ----------
    Vincent, Larochelle, Bengio, Manzagol, "Extracting and composing robust features with denoising
    autoencoders" (2008); Vincent et al. (2010), for masking and salt-and-pepper noise; Devlin et
    al., "BERT" (2019), for tokens.
    """

    def __init__(self, corruption: Corruption) -> None:
        super().__init__()
        self.corruption = corruption

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        spoiled = self.corruption(batch.y, generator)
        cost = energy.recovery_cost(batch.y, spoiled.y, spoiled.asked, batch.x)
        if cost is None:
            raise InputError(
                f"Denoising: {type(energy).__name__} does not reconstruct rows; expected an "
                "autoencoder, or another energy with codes"
            )
        value = mean_of(cost, batch)
        asked = spoiled.asked.sum().clamp(min=1)
        return loss_of(value, error=value * len(batch.y) / asked)
