"""Made-up data with a known answer."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thalweg.core import whole_number


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


def two_moons(n: int, generator: torch.Generator, noise: float = 0.1) -> Tensor:
    """Two half circles of radius 1 that reach into each other: (n, 2), float32."""
    angle = math.pi * _uniform(n, generator)
    upper = _uniform(n, generator) < 0.5
    arc = torch.stack([angle.cos(), angle.sin()], dim=1)
    moved = torch.tensor([1.0, 0.5], dtype=torch.float64) - arc
    y = torch.where(upper[:, None], arc, moved) - torch.tensor([0.5, 0.25])
    return _noisy(y, noise, generator)


def eight_gaussians(n: int, generator: torch.Generator, noise: float = 0.2) -> Tensor:
    """Eight normal wells on a circle of radius 2: (n, 2), float32."""
    angle = torch.randint(8, (n,), generator=generator) * (math.pi / 4)
    y = 2 * torch.stack([angle.cos(), angle.sin()], dim=1).double()
    return _noisy(y, noise, generator)


def checkerboard(n: int, generator: torch.Generator) -> Tensor:
    """The dark squares of a board of 4 x 4 with side 4, uniform: (n, 2), entropy log 8."""
    n = whole_number("checkerboard: n", n)
    column = torch.randint(4, (n,), generator=generator)
    row = 2 * torch.randint(2, (n,), generator=generator) + column % 2
    within = _uniform(2 * n, generator).reshape(n, 2)
    return (torch.stack([column, row], dim=1) + within - 2).float()


def two_spirals(n: int, generator: torch.Generator, noise: float = 0.05) -> Tensor:
    """Two spiral arms of one and a half turns, half a turn apart: (n, 2), float32."""
    angle = 3 * math.pi * _uniform(n, generator).sqrt()
    arm = 2 * torch.randint(2, (n,), generator=generator) - 1
    radius = arm * angle * (2 / (3 * math.pi))
    y = radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    return _noisy(y, noise, generator)


def rings(n: int, generator: torch.Generator, noise: float = 0.08) -> Tensor:
    """Three circles of radius 0.7, 1.4 and 2.1 with as many points each: (n, 2), float32."""
    radius = 0.7 * (1 + torch.randint(3, (n,), generator=generator))
    angle = 2 * math.pi * _uniform(n, generator)
    y = radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    return _noisy(y, noise, generator)


def pinwheel(n: int, generator: torch.Generator, noise: float = 0.3) -> Tensor:
    """Five bent blades: (n, 2), float32.

    References
    ----------
    Johnson, Duvenaud, Wiltschko, Datta, Adams, "Composing graphical models with neural networks
    for structured representations and fast inference" (2016), figure 1.
    """
    blade = torch.randint(5, (n,), generator=generator) * (2 * math.pi / 5)
    along = 1 + noise * torch.randn(n, generator=generator, dtype=torch.float64)
    across = 0.05 * torch.randn(n, generator=generator, dtype=torch.float64)
    turn = blade + 0.25 * along.exp()
    y = torch.stack(
        [along * turn.cos() - across * turn.sin(), along * turn.sin() + across * turn.cos()], dim=1
    )
    return (2 * y).float()


PLANE = {
    "two moons": two_moons,
    "eight gaussians": eight_gaussians,
    "checkerboard": checkerboard,
    "two spirals": two_spirals,
    "rings": rings,
    "pinwheel": pinwheel,
}
"""Densities of the plane by name, each ``f(n, generator)``."""


def _uniform(n: int, generator: torch.Generator) -> Tensor:
    return torch.rand(n, generator=generator, dtype=torch.float64)


def _noisy(y: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    e = torch.randn(y.shape, generator=generator, dtype=torch.float64)
    return (y + noise * e).float()
