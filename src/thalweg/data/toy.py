"""Made-up data with a known answer."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def spiral(n: int, generator: torch.Generator, turns: float = 1.5, noise: float = 0.0) -> Tensor:
    r"""Points of a plane spiral, :math:`y = \frac{t}{T} (\cos t, \sin t)`, uniform in length.

    Parameters
    ----------
    n : int
        Number of points.
    generator : torch.Generator
        Where the randomness comes from.
    turns : float, default 1.5
        :math:`T / 2\pi`.
    noise : float, default 0
        Standard deviation of Gaussian noise added to each coordinate; the spiral's radius is 1.

    Returns
    -------
    Tensor
        (n, 2), float32.

    Examples
    --------
    >>> y = spiral(100, torch.Generator().manual_seed(0))
    >>> y.shape, bool((y.norm(dim=1) <= 1).all())
    (torch.Size([100, 2]), True)
    """
    end = 2 * math.pi * turns
    t = torch.linspace(0, end, 4096, dtype=torch.float64)
    # ds = sqrt(1 + t^2) dt along an Archimedean spiral
    speed = (1 + t.square()).sqrt()
    length = torch.cumulative_trapezoid(speed, t)
    share = torch.cat([length.new_zeros(1), length / length[-1]])
    u = torch.rand(n, generator=generator, dtype=torch.float64)
    after = torch.searchsorted(share, u).clamp(1, len(t) - 1)
    within = (u - share[after - 1]) / (share[after] - share[after - 1])
    angle = t[after - 1] + within * (t[after] - t[after - 1])
    y = angle[:, None] / end * torch.stack([angle.cos(), angle.sin()], dim=1)
    y = y + noise * torch.randn(n, 2, generator=generator, dtype=torch.float64)
    return y.float()
