"""What a trained energy is made of, where it can be drawn: points, bells, arrows, predictions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from thalweg.core import Energy
from thalweg.energies import Affine, Reconstruction, Rescaled, SquaredError
from thalweg.energies.inside import affine_of, free_energy_of
from thalweg.latents import ActiveSet, FreeEnergy, OneHot, Sparse
from thalweg.play.plane import Paired
from thalweg.play.scenes import Scene

ACROSS = 60
"""Points of x at which predictions are drawn"""


def marks(word: str, model: Any, energy: Energy, scene: Scene) -> dict[str, Any]:
    """Shapes to draw over an energy; none for networks, which have no parts to point at."""
    if word == "kmeans":
        return {"points": torch.from_numpy(model.cluster_centers_)}
    if word == "mixture":
        means, covariances = (torch.from_numpy(each) for each in (model.means_, model.covariances_))
        return {"points": means, "bells": torch.linalg.cholesky(covariances.double())}
    if word == "pca":
        start = torch.from_numpy(model.mean_)
        length = torch.from_numpy(model.explained_variance_).sqrt()[:, None]
        return _arrows(start, 2 * length * torch.from_numpy(model.components_))
    if word == "sparse":
        start = energy.shift if isinstance(energy, Rescaled) else torch.zeros(2)
        return _arrows(start, torch.from_numpy(model.components_))
    if word == "conditional":
        return {"predictions": _predictions(energy, scene)}
    return {}


def _arrows(start: Tensor, along: Tensor) -> dict[str, Tensor]:
    starts = start.to(along).expand_as(along)
    return {"arrows": torch.stack([starts, starts + along], dim=1)}


@torch.no_grad()
def _predictions(energy: Energy, scene: Scene) -> Tensor:
    """Of every z, over x: (k, ACROSS, 2)."""
    inner = energy.energy if isinstance(energy, Paired) else energy
    codes = torch.eye(count(inner))
    x = torch.linspace(scene.low[0], scene.high[0], ACROSS)[:, None]
    found = []
    for code in codes:
        decoded = inner.decode(code.expand(ACROSS, -1), x)
        assert decoded is not None
        found.append(torch.cat([x, decoded], dim=1))
    return torch.stack(found)


def count(energy: Energy) -> int:
    """How many z there are to look at one by one; 0 where they are not counted."""
    inside = energy.energy if isinstance(energy, Paired) else energy
    held = inside.energy if isinstance(inside, Rescaled) else inside
    if not isinstance(held, FreeEnergy):
        return 0
    space = held.energy.latent
    return space.k if isinstance(space, (OneHot, Sparse)) else 0


def alone(energy: Energy, number: int) -> Energy:
    """The bump of one z: E(y, z) of a choice, or F with one atom and no other."""
    if isinstance(energy, Paired):
        return Paired(alone(energy.energy, number))
    if isinstance(energy, Rescaled):
        return Rescaled(
            alone(energy.energy, number), energy.shift, energy.scale, energy.x_shift, energy.x_scale
        )
    held = free_energy_of(energy)
    space = held.energy.latent
    if isinstance(space, Sparse):
        atom = affine_of(held).weight[number : number + 1].detach()
        one = Reconstruction(Affine(atom), Sparse(1, space.weight), SquaredError(0.5))
        return FreeEnergy(one, ActiveSet())
    return Choice(held, number)


class Choice(Energy):
    """E(x, y, z) at one z of a finite set.

    Parameters
    ----------
    free : FreeEnergy
    number : int
        Which z.
    """

    def __init__(self, free: FreeEnergy, number: int) -> None:
        super().__init__()
        self.free, self.number, self.beta = free, number, free.beta

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        z = self.free.infer(y, x).z[self.number : self.number + 1]
        value: Tensor = self.free.energy(y, z, x)[0]
        return value


@torch.no_grad()
def strongest(energy: Energy, points: Tensor) -> Tensor | None:
    """Which z, or which atom, counts most at each point: (n,); None where they are not counted."""
    if not count(energy):
        return None
    if isinstance(energy, Paired):
        codes = energy.energy.codes(points[:, 1:], points[:, :1])
    else:
        codes = energy.codes(points)
    return None if codes is None else codes.abs().argmax(dim=1)
