"""Codes of frames that are chosen place by place."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thalweg.core import Candidates, InputError, LatentEnergy
from thalweg.latents import LatentSolver, OneHots


def over_cells(values: Tensor, places: tuple[int, int], cells: tuple[int, int]) -> Tensor:
    """What is said of places (n, places, c), for the cells in them: (n, c, rows, columns)."""
    planes = values.transpose(1, 2).unflatten(2, places)
    rows, columns = places_of_cells(places, cells, values.device)
    return planes[:, :, rows][..., columns]


def places_of_cells(
    places: tuple[int, int], cells: tuple[int, int], device: torch.device | None = None
) -> tuple[Tensor, Tensor]:
    """The place that each row, and each column, of cells belongs to."""
    rows, columns = (
        torch.arange(extent, device=device) * count // extent
        for count, extent in zip(places, cells, strict=True)
    )
    return rows, columns


class ByPlace(LatentSolver):
    r"""The best choice in each place, by trying all of them there.

    .. math::
        \min_z E(x, y, z) = \sum_p \min_{z_p} E_p(x, y, z_p)

    of energies that are a sum over places, none of which sees the choice of another: as exact as
    trying all combinations, at the price of trying all choices of one place.
    """

    @property
    def minimizes(self) -> bool:
        return True

    @torch.no_grad()
    def solve(
        self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None, beta: float = math.inf
    ) -> Candidates:
        costs = energy.by_place(y, x)
        if costs is None or not isinstance(energy.latent, OneHots):
            raise InputError(
                f"ByPlace: {type(energy).__name__} is no sum over places; expected a "
                "FramePrediction with places"
            )
        z = energy.latent.of(costs.argmin(dim=0))[None]
        done = torch.ones(y.shape[0], dtype=torch.bool, device=y.device)
        return Candidates(z=z, log_weight=z.new_zeros(1, 1), converged=done)
