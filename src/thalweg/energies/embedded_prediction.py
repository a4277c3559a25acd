"""How far what is hidden is from all that is predicted of it, where it is embedded."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from thalweg.core import Energy, InputError
from thalweg.energies.inpainting import Inpainter
from thalweg.energies.joint_embedding import SeenOnly
from thalweg.energies.nets import Branches, Perceptron
from thalweg.energies.reconstruction import Reconstruction
from thalweg.latents import Exhaustive, FreeEnergy, OneHot


class EmbeddedPrediction(Energy):
    r"""The squared distance of what y is mapped to from the nearest of k predictions from x.

    .. math::
        F(x, y) = \min_z \| s_y - g(s_x, z) \|^2, \qquad s_x = h(f(x)), \quad s_y = h(f(y)),
        \quad g(s, z) = s + c_z(s)

    x and y are images; NaN pixels of either take no part. z is one of k: what x does not say. What
    is not changed, c = 0, is predicted to be what x has: training begins near two views of one.

    Parameters
    ----------
    network : Inpainter
        Its representation is f.
    projector : Module
        h, to the space that is predicted in.
    m : int
        Its components.
    k : int
        Values of z; with 1 the prediction is the only one.
    hidden : int
        Width of the predictor c.
    generator : torch.Generator, optional
        Of its initial weights.

    References
    ----------
    LeCun, "A path towards autonomous machine intelligence" (2022), section 4.4.
    """

    pairs_alike = True

    def __init__(
        self,
        network: Inpainter,
        projector: nn.Module,
        m: int,
        k: int,
        hidden: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.network, self.projector = network, projector
        predictor = Perceptron((m, hidden, k * m), generator=generator)
        self.prediction = FreeEnergy(
            Reconstruction(Branches(_Changed(predictor, k), k), OneHot(k)), Exhaustive()
        )

    def embed(self, y: Tensor) -> Tensor:
        """s_y: (n, m)."""
        result: Tensor = self.projector(self.network.represent_whole(y))
        return result

    def predictions(self, x: Tensor) -> Tensor:
        """g(s_x, z) for every z: (k, n, m)."""
        inner = self.prediction.energy
        assert isinstance(inner, Reconstruction)
        members = inner.latent.members()
        assert members is not None
        return inner.decode(members[:, None], self.embed(x))

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        if x is None:
            raise InputError("EmbeddedPrediction: no x was given; expected the visible part of y")
        value: Tensor = self.prediction(self.embed(y), self.embed(x))
        return value

    def restricted(self, visible: Tensor) -> Energy:
        return SeenOnly(self, visible)


class _Changed(nn.Module):
    """What comes in k times, each with a change that a network makes: (n, m) to (n, k m)."""

    def __init__(self, network: nn.Module, k: int) -> None:
        super().__init__()
        self.network, self.k = network, k

    def forward(self, s: Tensor) -> Tensor:
        change: Tensor = self.network(s)
        return s.repeat(1, self.k) + change
