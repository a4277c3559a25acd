"""How the latent variable is found."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from thalweg.core import Candidates, LatentEnergy


class LatentSolver(nn.Module, ABC):
    """Finds z for given y (and x). Pure: the same input gives the same answer.

    A module, for some solvers have parameters of their own (an encoder) or fixed draws.
    """

    @property
    def minimizes(self) -> bool:
        """Whether its answer at beta infinite is the minimum over z, hidden coordinates or not."""
        return False

    @abstractmethod
    def solve(
        self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None, beta: float = math.inf
    ) -> Candidates:
        """Values of z that have, or that stand for those that have, a low E(x, y, z).

        ``beta`` is the temperature at which the candidates will be summed over; solvers that only
        minimize do not look at it.
        """

    def mean(self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        """The mean of z given y, ``(n, *latent)``, where the solver has a way of its own to it."""
        return None

    def draw(
        self,
        energy: LatentEnergy,
        y: Tensor,
        n_draws: int,
        generator: torch.Generator,
        x: Tensor | None = None,
    ) -> tuple[Tensor, float] | None:
        """z (n_draws, n, *latent) given y and the temperature of the rest, by a way of its own."""
        return None

    def restricted(self, visible: Tensor) -> LatentSolver:
        """The solver for the energy restricted to visible coordinates, (n, d), bool."""
        return self


def lowest_of(energy: LatentEnergy, y: Tensor, x: Tensor | None, z: Tensor) -> Tensor:
    """Of candidates z (k, n or 1, *latent) the one of least energy for each row: (n, *latent)."""
    if len(z) == 1:
        return z[0].expand(y.shape[0], *z.shape[2:])
    which = energy.lowest(y, z, x)[1]
    if z.shape[1] == 1:
        return z[which, 0]
    return z[which, torch.arange(y.shape[0], device=y.device)]
