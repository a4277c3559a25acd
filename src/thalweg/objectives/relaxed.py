"""Pushing down the energy of the data, at the best code and a little at all others."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Batch, Energy, InputError, LatentSpace, Loss
from thalweg.latents import FreeEnergy, OneHots
from thalweg.objectives.base import Objective, loss_of, mean_of
from thalweg.samplers.noise import uniform


class RelaxedPushDown(Objective):
    r"""The energy at the code that explains a row best, and a small share of that at any code.

    .. math::
        (1 - \epsilon) \min_z E(x, y, z) + \frac{\epsilon}{k} \sum_z E(x, y, z)

    The minimum alone leaves codes that never win as they began; the mean alone makes all of them
    the average of what may happen. From 1, where all codes are that average, epsilon falls to its
    last value, and codes part ways. Of the sum one term is drawn for each row.

    Parameters
    ----------
    share : float, default 0.01
        The last epsilon, at least 0 and below 1.
    over : int, default 0
        Calls that it takes to come down from 1: steps, unless a batch is gone through in parts.

    References
    ----------
    Rupprecht et al., "Learning in an uncertain world: representing ambiguity through multiple
    hypotheses" (2017), equation 8.
    """

    steps: Tensor

    def __init__(self, share: float = 0.01, over: int = 0) -> None:
        super().__init__()
        if not 0 <= share < 1:
            raise InputError(f"RelaxedPushDown: share must be at least 0 and below 1, got {share}")
        self.share, self.over = share, over
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        space = energy.energy.latent if isinstance(energy, FreeEnergy) else None
        members = None if space is None else space.members()
        listed = members is not None or isinstance(space, OneHots)
        if not isinstance(energy, FreeEnergy) or not listed:
            raise InputError(
                "RelaxedPushDown: this energy has no list of codes; expected a FreeEnergy over a "
                "finite latent space such as OneHot"
            )
        share = max(self.share, 1 - int(self.steps) / self.over) if self.over else self.share
        self.steps += 1
        least = mean_of(energy(batch.y, batch.x), batch)
        if share == 0:
            return loss_of(least, energy=least)
        any_code = _any_code(energy.energy.latent, batch.y, generator)
        mean = mean_of(energy.energy(batch.y, any_code, batch.x), batch)
        return loss_of((1 - share) * least + share * mean, energy=least)


def _any_code(space: LatentSpace, y: Tensor, generator: torch.Generator) -> Tensor:
    """For each row one of all codes: (n, *latent)."""
    places = space.places if isinstance(space, OneHots) else 1
    u = uniform(torch.empty(len(y), places, device=y.device), generator)
    if isinstance(space, OneHots):
        return space.of((u * space.choices).long().clamp(max=space.choices - 1))
    members = space.members()
    assert members is not None
    return members[(u[:, 0] * len(members)).long().clamp(max=len(members) - 1)]
