"""How the latent variable is found."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from thalweg.core import Candidates, LatentEnergy


class LatentSolver(ABC):
    """Finds z for given y (and x). Pure: the same input gives the same answer."""

    @abstractmethod
    def solve(self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None) -> Candidates:
        """Values of z that have, or that stand for those that have, a low E(x, y, z)."""
