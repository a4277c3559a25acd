"""Conditional energies with a latent variable: one of k branches, or a point of a box."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.energies.cost import GaussianNoise
from thalweg.energies.nets import Branches, Perceptron
from thalweg.energies.reconstruction import Reconstruction
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


def covering_codes(energy: FreeEnergy, like: Tensor, n: int | None = None) -> Tensor:
    """Values of z that cover its space, (m, k): all of a list, or n points spread over a box.

    Of a box without n, the grid of training.
    """
    inner = energy.energy
    members = inner.latent.members()
    if members is not None:
        return members.to(like)
    k = inner.latent.shape[0]
    side = GRID[k] if n is None else max(1, round(n ** (1 / k) + 0.499))
    z = Quadrature(side).solve(inner, like[:1]).z[:, 0].to(like)
    return z if n is None or n >= len(z) else z[torch.linspace(0, len(z) - 1, n).long()]
