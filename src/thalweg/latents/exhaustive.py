"""Latent variables found by trying every value."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thalweg.core import Candidates, InputError, LatentEnergy
from thalweg.latents.solver import LatentSolver


class Exhaustive(LatentSolver):
    """Every element of a finite latent space is a candidate; all rows share them.

    Exact: the minimum over the candidates is the minimum over z, and the sum over them is the sum
    over z.
    """

    @property
    def minimizes(self) -> bool:
        return True

    def solve(
        self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None, beta: float = math.inf
    ) -> Candidates:
        z = energy.latent.members()
        if z is None:
            raise InputError(
                f"Exhaustive: {type(energy.latent).__name__} has no list of its elements; "
                "expected a finite latent space such as OneHot"
            )
        return Candidates(
            z=z.unsqueeze(1),
            log_weight=z.new_zeros(len(z), 1),
            converged=torch.ones(y.shape[0], dtype=torch.bool, device=y.device),
        )
