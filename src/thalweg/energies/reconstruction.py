"""Energies that measure how well a code can reproduce what was seen."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from thalweg.core import LatentEnergy, LatentSpace
from thalweg.energies.cost import Cost, SquaredError


class Reconstruction(LatentEnergy):
    r"""The cost of the best that a code can do, :math:`E(y, z) = C(y, g(z)) + R(z)`.

    With one-hot z and :class:`~thalweg.energies.Points` as g it is K-means:
    :math:`E(y, z) = \|y - zW\|^2`, k points of zero energy and quadratic growth around them.

    Parameters
    ----------
    decoder : Module
        g: from codes ``(..., *latent)`` to predictions (..., d).
    latent : LatentSpace
        What z ranges over, and R(z).
    cost : Cost, default SquaredError()
        C.

    Examples
    --------
    >>> import torch
    >>> from thalweg.energies import Points
    >>> from thalweg.latents import Exhaustive, FreeEnergy, OneHot
    >>> points = Points(torch.tensor([[0.0, 0.0], [4.0, 0.0]]))
    >>> k_means = FreeEnergy(Reconstruction(points, OneHot(2)), Exhaustive())
    >>> k_means(torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])).detach()
    tensor([0., 1., 4.])
    """

    def __init__(self, decoder: nn.Module, latent: LatentSpace, cost: Cost | None = None) -> None:
        super().__init__()
        self.decoder = decoder
        self.latent = latent
        self.cost = SquaredError() if cost is None else cost

    def data_term(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> Tensor:
        if self._shared_by_rows(y, z):
            return self.cost.pairwise(y, self.decoder(z[:, 0]))
        return self.cost(y, self.decoder(z))

    def lowest(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if self._shared_by_rows(y, z) and not self.latent(z).any():
            return self.cost.lowest(y, self.decoder(z[:, 0]))
        return super().lowest(y, z, x)

    def _shared_by_rows(self, y: Tensor, z: Tensor) -> bool:
        candidates = z.ndim - len(self.latent.shape) == 2
        return candidates and z.shape[1] == 1 and len(y) > 1

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        prediction: Tensor = self.decoder(z)
        return prediction

    def restricted(self, visible: Tensor) -> Reconstruction:
        return Reconstruction(self.decoder, self.latent, self.cost.restricted(visible))

    def draw(self, n: int, beta: float, generator: torch.Generator) -> Tensor | None:
        # the cost looks at y - g(z) alone, so its integral over y is the same for every z
        z = self.latent.draw(n, generator)
        return None if z is None else self.cost.draw(self.decode(z), beta, generator)
