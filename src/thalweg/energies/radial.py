"""Bumps at fixed places, of learned heights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from thalweg.core import Energy, InputError, check_columns
from thalweg.energies.pairs import all_distances


class RadialBasis(Energy):
    r"""Bumps at fixed places whose heights are learned, in a bowl.

    .. math::
        F(y) = \tfrac12 k \|y\|^2 + \sum_i h_i \, e^{-\|y - c_i\|^2 / 2 w^2}

    F is linear in the heights, so exp(-F) is an exponential family and the likelihood has one
    maximum; and pushing at a point moves the energy near that point and nowhere else. For a few
    dimensions.

    Parameters
    ----------
    centers : Tensor (m, d)
        c, which do not learn.
    width : float
        w, about the distance between neighbouring centers.
    stiffness : float, default 1
        k, of the bowl.

    Raises
    ------
    InputError
        If centers are not rows, width is not above 0 or stiffness below 0.

    References
    ----------
    Broomhead and Lowe, "Multivariable functional interpolation and adaptive networks" (1988).

    Examples
    --------
    >>> import torch
    >>> energy = RadialBasis(torch.zeros(1, 2), width=1.0)
    >>> _ = energy.heights.data.fill_(-2)  # a hole
    >>> energy(torch.tensor([[0.0, 0.0], [9.0, 0.0]])).detach()
    tensor([-2.0000, 40.5000])
    """

    centers: Tensor

    def __init__(self, centers: Tensor, width: float, stiffness: float = 1.0) -> None:
        super().__init__()
        if centers.dim() != 2 or not centers.is_floating_point():
            raise InputError(
                f"RadialBasis: centers have shape {tuple(centers.shape)} and type {centers.dtype}; "
                "expected (m, d) of floating point numbers"
            )
        if not width > 0 or not stiffness >= 0:
            raise InputError(
                f"RadialBasis: width is {width} and stiffness {stiffness}; expected above 0, and "
                "at least 0"
            )
        self.register_buffer("centers", centers)
        self.width, self.stiffness = width, stiffness
        self.heights = nn.Parameter(torch.zeros_like(centers[:, 0]))

    def bumps(self, y: Tensor) -> Tensor:
        """dF/dh at rows (n, d), what each height counts there: (n, m)."""
        check_columns("RadialBasis", y, self.centers.shape[1])
        apart = all_distances(y, self.centers, visible=None).T
        return torch.exp(-apart / (2 * self.width**2))

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return 0.5 * self.stiffness * y.square().sum(dim=1) + self.bumps(y) @ self.heights

    @torch.no_grad()
    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """By hand, for chains: F and dF/dy."""
        scaled = self.bumps(y) * self.heights
        depth = scaled.sum(dim=1)
        value = 0.5 * self.stiffness * y.square().sum(dim=1) + depth
        # from one of the centers: far from 0 the two terms would cancel
        origin = self.centers[0]
        slope = (scaled @ (self.centers - origin) - depth[:, None] * (y - origin)) / self.width**2
        return value, self.stiffness * y + slope
