"""Push the energy of the data down, where the architecture keeps it up elsewhere."""

from __future__ import annotations

import torch

from thalweg.core import Batch, Energy, Loss, visible_energy
from thalweg.objectives.base import Objective, loss_of, mean_of


class PushDown(Objective):
    r"""The mean energy of the data, :math:`\frac{1}{\sum w_i} \sum_i w_i F(x_i, y_i)`.

    Valid for energies whose volume of low energy is bounded by construction, such as K-means: k
    points of zero energy and no more. Where :math:`e^{-\beta F}` is normalized it is the negative
    log-likelihood over beta.
    """

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        values = visible_energy(energy, batch.y)(batch.y, batch.x)
        value = mean_of(values, batch)
        return loss_of(value, energy=value)
