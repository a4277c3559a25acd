"""How far apart two items are in a learned space."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from thalweg.core import Energy, InputError
from thalweg.energies.inpainting import Inpainter


class JointEmbedding(Energy):
    r"""The squared distance of what two images are mapped to.

    .. math::
        F(x, y) = \| h(f(x)) - h(f(y)) \|^2

    Parameters
    ----------
    network : Inpainter
        Its representation is f; hidden (NaN) pixels take no part in it.
    projector : Module
        h, from (n, k) to the space that distances are taken in.
    """

    pairs_alike = True

    def __init__(self, network: Inpainter, projector: nn.Module) -> None:
        super().__init__()
        self.network, self.projector = network, projector

    def embed(self, y: Tensor) -> Tensor:
        """h(f(y)): (n, m)."""
        result: Tensor = self.projector(self.network.represent_whole(y))
        return result

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        if x is None:
            raise InputError("JointEmbedding: no x was given; expected the image to compare with")
        return (self.embed(y) - self.embed(x)).square().sum(dim=1)

    def restricted(self, visible: Tensor) -> Energy:
        return SeenOnly(self, visible)


class SeenOnly(Energy):
    """An energy that looks at nothing that is NaN, of what is visible of y.

    Parameters
    ----------
    energy : Energy
    visible : Tensor
        (n, d), bool.
    """

    def __init__(self, energy: Energy, visible: Tensor) -> None:
        super().__init__()
        self.energy, self.visible = energy, visible
        self.pairs_alike = energy.pairs_alike

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        value: Tensor = self.energy(torch.where(self.visible, y, torch.nan), x)
        return value

    def restricted(self, visible: Tensor) -> SeenOnly:
        return SeenOnly(self.energy, self.visible & visible)
