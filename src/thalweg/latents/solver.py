"""How the latent variable is found."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

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
        """The mean of z given y, (n, *latent), where the solver has a way of its own to it."""
        return None

    def restricted(self, visible: Tensor) -> LatentSolver:
        """The solver for the energy restricted to visible coordinates, (n, d), bool."""
        return self

    def forward(self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None) -> Candidates:
        return self.solve(energy, y, x)
