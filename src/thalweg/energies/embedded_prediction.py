"""How far what is hidden is from all that is predicted of it, where it is embedded."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from thalweg.core import Energy, InputError
from thalweg.energies.inpainting import Inpainter
from thalweg.energies.nets import Branches, Perceptron
from thalweg.energies.reconstruction import Reconstruction
from thalweg.latents import Exhaustive, FreeEnergy, OneHot


class EmbeddedPrediction(Energy):
    r"""The squared distance of what y is mapped to from the nearest of k predictions from x.

    .. math::
        F(x, y) = \min_z \| s_y - g(s_x, z) \|^2, \qquad s_x = h(f(x)), \quad s_y = h(f(y))

    x and y are images; NaN pixels of either take no part. z is one of k: what x does not say.

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
        Width of the predictor g.
    generator : torch.Generator, optional
        Of its initial weights.

    References
    ----------
    LeCun, "A path towards autonomous machine intelligence" (2022), section 4.4.
    """

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
            Reconstruction(Branches(predictor, k), OneHot(k)), Exhaustive()
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

    def restricted(self, visible: Tensor) -> EmbeddedPrediction:
        """Itself, for what is NaN is not looked at."""
        return self


class GaussianEmbedding(Energy):
    r"""The energy of single items whose embeddings are standard normal.

    .. math::
        F(y) = \tfrac12 \|s(y)\|^2 + \tfrac m2 \log 2 \pi - \tfrac12 \log \det (J J^T), \qquad
        J = \frac{\partial s}{\partial y}

    Where s is one-to-one and the embeddings of data are normal it is -log of their density; where m
    is less than the columns of y, of their density along what s sees. An item is unusual where
    small changes do not change its embedding.

    Parameters
    ----------
    embed : Module
        s, from (n, d) to (n, m), m at most d; smooth.

    References
    ----------
    Balestriero, Ballas, Rabbat, LeCun, "Gaussian embeddings: how JEPAs secretly learn your data
    density" (2025), for the determinant.

    Examples
    --------
    >>> import torch
    >>> double = torch.nn.Linear(2, 2, bias=False)
    >>> _ = double.weight.data.copy_(2 * torch.eye(2))
    >>> round(float(GaussianEmbedding(double)(torch.zeros(1, 2))), 3)  # log 2 pi - log 4
    0.452
    """

    def __init__(self, embed: nn.Module) -> None:
        super().__init__()
        self.embed = embed

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        def one(row: Tensor) -> tuple[Tensor, Tensor]:
            found = self.embed(row[None])[0]
            return found, found

        slopes, s = torch.func.vmap(torch.func.jacrev(one, has_aux=True))(y)
        gram = slopes @ slopes.transpose(1, 2)
        m = s.shape[1]
        return 0.5 * (
            s.square().sum(dim=1) + m * math.log(2 * math.pi) - torch.linalg.slogdet(gram)[1]
        )
