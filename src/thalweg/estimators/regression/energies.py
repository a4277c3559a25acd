"""Conditional energies with a latent variable, and where their branches start."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from thalweg.core import InputError
from thalweg.energies import Branches, GaussianNoise, Perceptron, Reconstruction
from thalweg.estimators.base.energy_parts import reconstruction_of
from thalweg.estimators.tables.kmeans import KMeans
from thalweg.latents import Box, Exhaustive, FreeEnergy, OneHot, Quadrature

MOST_CONTINUOUS = 3
"""Dimensions of a continuous z up to which a grid covers it."""

GRID = {1: 32, 2: 12, 3: 8}
"""Grid points along each axis, by the number of axes."""

WIDEST = 1.0
"""Where the noise starts, in units of standardized targets: branches first share all rows."""


def branches_energy(
    k: int, wide: int, d: int, hidden: tuple[int, ...], generator: torch.Generator
) -> FreeEnergy:
    """F(x, y) of one of k predictions: x has ``wide`` columns, y has d."""
    network = Perceptron((wide, *hidden, k * d), generator=generator)
    energy = Reconstruction(Branches(network, k), OneHot(k), GaussianNoise(WIDEST))
    return FreeEnergy(energy, Exhaustive(), beta=1.0)


def box_energy(
    k: int, wide: int, d: int, hidden: tuple[int, ...], generator: torch.Generator
) -> FreeEnergy:
    """F(x, y) of a prediction for each point of a box of k dimensions."""
    network = Perceptron((k + wide, *hidden, d), generator=generator)
    box = Box(torch.full((k,), -1.0), torch.full((k,), 1.0))
    energy = Reconstruction(network, box, GaussianNoise(WIDEST))
    return FreeEnergy(energy, Quadrature(GRID[k]), beta=1.0)


@torch.no_grad()
def spread_branches(energy: FreeEnergy, y: Tensor, seed: int) -> None:
    """Let branches begin at different places: at the centers of clusters of what happened."""
    decoder = reconstruction_of(energy).decoder
    if not isinstance(decoder, Branches) or decoder.k == 1:
        return
    try:
        clusters = KMeans(decoder.k, random_state=seed, device=str(y.device)).fit(
            y.nan_to_num().cpu().numpy()
        )
    except InputError:
        return  # fewer distinct targets than branches: some branches will coincide
    centers = torch.from_numpy(clusters.cluster_centers_)
    assert isinstance(decoder.network, Perceptron)
    last = decoder.network.layers[-1]
    assert isinstance(last, nn.Linear)
    last.bias.copy_(centers.reshape(-1))
