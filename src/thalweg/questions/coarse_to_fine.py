"""Images drawn by a denoiser: from noise to what is under it, coarse parts first."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Energy
from thalweg.samplers.noise import normal

FIRST_STEP = 0.05
"""Share of the noise that the first step takes off"""

LEAST = 0.01
"""Deviation of the noise that is left at the end"""

MOST_STEPS = 500


@torch.no_grad()
def coarse_to_fine(
    energy: Energy,
    y: Tensor,
    hidden: Tensor,
    generator: torch.Generator,
    freedom: float = 0.5,
    first: float = 1.0,
) -> Tensor:
    r"""What is hidden drawn: steps down the energy of a denoiser, with ever less noise in between.

    .. math::
        y \leftarrow y + h_t d + \gamma_t \varepsilon, \qquad
        \gamma_t^2 = \left((1 - (1 - a) h_t)^2 - (1 - h_t)^2\right) \sigma^2, \qquad
        h_t = \frac{h_1 t}{1 + h_1 (t - 1)}

    with d = D(y) - y where y is hidden and what is missing to the given pixels where it is not, and
    sigma^2 its mean square: the denoiser says itself how much noise is left. Of each image until
    that is little.

    Parameters
    ----------
    energy : Energy
        One that reconstructs what noise was put on, of any level.
    y : Tensor
        (n, height, width, channels); what is hidden is not looked at.
    hidden : Tensor
        bool, of that shape.
    generator : torch.Generator
    freedom : float, default 0.5
        a, from 0 (no noise is put back: one answer, smooth where much is hidden) to 1.
    first : float, default 1
        Deviation of the noise that hidden pixels begin with.

    Returns
    -------
    Tensor
        Like y; given pixels are bit for bit what they were.

    References
    ----------
    Kadkhodaie, Simoncelli, "Stochastic solutions for linear inverse problems using the prior
    implicit in a denoiser" (2021), algorithm 2.
    """
    given = torch.where(hidden, 0, y)
    count = (~hidden).flatten(1).sum(dim=1).clamp(min=1)
    mean = given.flatten(1).sum(dim=1) / count
    # with nothing given: the middle between black and white
    mean = torch.where((~hidden).flatten(1).any(dim=1), mean, 0.5)
    at = torch.where(hidden, mean[:, None, None, None] + first * normal(y, generator), y)
    for t in range(1, MOST_STEPS + 1):
        rebuilt = energy.reconstruct(at)
        assert rebuilt is not None
        away = torch.where(hidden, rebuilt - at, given - at)
        sigma = away.flatten(1).square().mean(dim=1).sqrt()
        if bool((sigma <= LEAST).all()):
            break
        step = FIRST_STEP * t / (1 + FIRST_STEP * (t - 1))
        back = max((1 - (1 - freedom) * step) ** 2 - (1 - step) ** 2, 0.0) ** 0.5
        noise = (back * sigma)[:, None, None, None] * normal(y, generator)
        moved = at + step * away + noise
        at = torch.where((sigma > LEAST)[:, None, None, None], moved, at)
    clean = energy.reconstruct(at)
    assert clean is not None
    return torch.where(hidden, clean, y)
