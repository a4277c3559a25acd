"""Draws of an energy that has one landscape for every scale of noise, from the smoothest down."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from thalweg.core import Energy, InputError
from thalweg.samplers.noise import normal

MORE = 0.2
"""Of a scale, that noise takes it up by before a step"""


def scales_between(largest: float, smallest: float, n_steps: int) -> Tensor:
    r"""n_steps scales from the largest to the smallest, more of them where they are small.

    .. math::
        \sigma_i = \left(\sigma_1^{1/\rho} + \tfrac{i - 1}{n - 1}
        (\sigma_n^{1/\rho} - \sigma_1^{1/\rho})\right)^\rho, \qquad \rho = 7
    """
    first, last = largest ** (1 / 7), smallest ** (1 / 7)
    return torch.linspace(first, last, n_steps, dtype=torch.float64) ** 7


@torch.no_grad()
def draw_by_scales(
    energy: Energy,
    y: Tensor,
    scales: Tensor,
    generator: torch.Generator,
    *,
    freedom: float = 1.0,
    rounds: int = 1,
    start: Tensor | None = None,
    copies: int = 1,
    alike: bool = False,
) -> Tensor:
    r"""What is hidden drawn: from noise, down the energy of one scale after the other.

    .. math::
        \frac{dy}{d\sigma} = \sigma \nabla_y F(y, \log \sigma)

    in steps of second order (Heun), each after a little noise: up to a scale by a fifth larger and
    down to the next one, so that what one step got wrong others mend. Of the visible entries the
    chain sees what they would be with noise of that scale, and each scale is gone through several
    times, so that what is hidden comes to agree with them.

    Parameters
    ----------
    energy : Energy
        F(y, x) with x the logarithm of the scale, (n, 1), that can ``reconstruct``.
    y : Tensor
        (n, d), hidden entries NaN.
    scales : Tensor
        (m,), falling.
    generator : torch.Generator
    freedom : float, default 1
        Of the noise on the way; with 0 the noise that it begins with decides all where nothing is
        visible.
    rounds : int, default 1
        Times that a scale is gone through, if something of any row is visible.
    start : Tensor, optional
        (n, d), rows with noise of the first scale; draws of noise by default.
    copies : int, default 1
        Parts of the rows, one after the other, that are the same rows: the noise of a row then
        does not depend on how many are beside it.
    alike : bool, default False
        Whether all rows of a copy have the same noise, so that nothing about a row depends on the
        others.

    Returns
    -------
    Tensor
        Like y, without NaN; visible entries are bit for bit what they were.

    References
    ----------
    Karras, Aittala, Aila, Laine, "Elucidating the design space of diffusion-based generative
    models" (2022), algorithm 2; Lugmayr, Danelljan, Romero, Yu, Timofte, Van Gool, "RePaint:
    inpainting using denoising diffusion probabilistic models" (2022), for what is visible.
    """
    if scales.dim() != 1 or len(scales) < 2 or not bool((scales[1:] < scales[:-1]).all()):
        raise InputError(
            f"draw_by_scales: scales of shape {tuple(scales.shape)}; expected (m,), m at least 2, "
            "each smaller than the one before"
        )
    hidden = y.isnan()
    every = bool(hidden.all())
    given = torch.where(hidden, 0, y)
    rounds = 1 if every else rounds
    levels = [float(each) for each in scales]

    def noise() -> Tensor:
        parts = y.chunk(copies)
        drawn = [normal(part[:1] if alike else part, generator) for part in parts]
        return torch.cat(
            [each.expand(len(part), -1) for each, part in zip(drawn, parts, strict=True)]
        )

    at = math.hypot(1, levels[0]) * noise() if start is None else start
    for sigma, below in itertools.pairwise(levels):
        # nothing was learned above the first one
        above = min(sigma * (1 + freedom * MORE), levels[0])
        for left in reversed(range(rounds)):
            if above > sigma:
                at = at + math.sqrt(above**2 - sigma**2) * noise()
            seen = at if every else noise()
            at = torch.where(hidden, at, given + above * seen)
            slope = _slope(energy, at, above)
            ahead = torch.where(hidden, at + (below - above) * slope, given + below * seen)
            at = at + (below - above) / 2 * (slope + _slope(energy, ahead, below))
            if left:
                # back to where it was, by another way
                at = at + math.sqrt(sigma**2 - below**2) * noise()
    last = _clean(energy, torch.where(hidden, at, given), levels[-1])
    return torch.where(hidden, last, y)


def project_by_scales(energy: Energy, y: Tensor, scales: Tensor) -> Tensor:
    """Rows (n, d) without noise: down the scales from the one at which each has least energy."""
    value = torch.stack([energy(y, y.new_full((1, 1), math.log(float(each)))) for each in scales])
    found, first = torch.empty_like(y), value.argmin(dim=0).clamp(max=len(scales) - 2)
    for i in first.unique():
        rows = (first == i).nonzero()[:, 0]
        found[rows] = draw_by_scales(
            energy, torch.full_like(y[rows], torch.nan), scales[int(i) :],
            torch.Generator(y.device), freedom=0.0, start=y[rows],
        )  # fmt: skip
    return found


def _slope(energy: Energy, y: Tensor, sigma: float) -> Tensor:
    return (y - _clean(energy, y, sigma)) / sigma


def _clean(energy: Energy, y: Tensor, sigma: float) -> Tensor:
    clean = energy.reconstruct(y, y.new_full((y.shape[0], 1), math.log(sigma)))
    if clean is None:
        raise InputError(
            f"draw_by_scales: {type(energy).__name__} does not reconstruct; expected an energy "
            "that is given the scale of the noise"
        )
    return clean
