"""Codes as parameters: one for each training row, learned together with the decoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from thalweg.core import Batch, Energy, InputError, Loss
from thalweg.latents import FreeEnergy
from thalweg.objectives.base import Objective, loss_of, mean_of


class LatentCodes(Objective):
    r"""Push down with z a parameter, one for each row, in place of a solver's answer.

    .. math::
        \min_\theta \frac1n \sum_i \min_{z_i} C(y_i, g_\theta(z_i)) + R(z_i)

    Codes stay in the space of z: each step begins with the nearest elements. Batches have to say
    which rows they are of (``Batch.position``).

    Parameters
    ----------
    codes : Tensor
        (rows, k), where the codes start.

    References
    ----------
    Bojanowski, Joulin, Lopez-Paz, Szlam, "Optimizing the latent space of generative networks",
    ICML 2018, eq. 1.
    """

    def __init__(self, codes: Tensor) -> None:
        super().__init__()
        self.codes = nn.Parameter(codes)

    @torch.no_grad()
    def nearest(self, energy: Energy) -> Tensor:
        """The codes as they are, each brought to the nearest element of the space: (rows, k)."""
        return _latent(energy).energy.latent.nearest(self.codes).detach()

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        if batch.position is None:
            raise InputError("LatentCodes: the batch does not say which rows it is of; expected "
                             "their positions")  # fmt: skip
        with torch.no_grad():
            # all of them: Adam's momentum moves those of other batches too
            self.codes.copy_(self.nearest(energy))
        hidden = batch.y.isnan()
        inner = _latent(energy).energy
        view = inner.restricted(~hidden) if hidden.any() else inner
        assert view is not None
        return loss_of(
            mean_of(view(batch.y, self.codes[batch.position.to(self.codes.device)]), batch)
        )


def _latent(energy: Energy) -> FreeEnergy:
    if not isinstance(energy, FreeEnergy):
        raise InputError(
            f"LatentCodes: {type(energy).__name__} has no latent variable; expected a FreeEnergy"
        )
    return energy
