"""The energy over a plane."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from thalweg.core import (
    EnergyFunction,
    InputError,
    Integer,
    as_energy,
    check_parameters,
    check_rows,
)

RESOLUTION = Integer(2, high=4096)
"""What the points a side of a grid may be"""

POINTS = 65_536
"""How many are asked about at a time"""


class Plane(NamedTuple):
    """Points origin + a u + b v."""

    origin: Tensor
    """(d,)"""
    axes: Tensor
    """(2, d), orthonormal"""

    def coordinates(self, y: Tensor) -> Tensor:
        """Where rows (n, d) lie over the plane: (n, 2)."""
        return (y - self.origin) @ self.axes.T

    def points(self, coordinates: Tensor) -> Tensor:
        """The points (n, d) with coordinates (n, 2)."""
        return self.origin + coordinates @ self.axes


class Landscape(NamedTuple):
    """Energies on a grid of a plane."""

    a: Tensor
    """(resolution,), along the first axis"""
    b: Tensor
    """(resolution,), along the second"""
    energy: Tensor
    """(resolution, resolution), rows follow b, as contour plots have it"""


def plane_of(y: Tensor) -> Plane:
    """The plane through the mean of rows (n, d) along their two widest directions.

    In two dimensions it is the plane itself, with its own axes.
    """
    check_rows("plane_of: y", y)
    if y.shape[1] == 1:
        raise InputError("map: rows have 1 column; expected at least 2 to span a plane")
    if y.shape[1] == 2:
        return Plane(y.new_zeros(2), torch.eye(2, dtype=y.dtype, device=y.device))
    mean = y.mean(dim=0)
    return Plane(mean, torch.linalg.svd(y - mean, full_matrices=False).Vh[:2])


@torch.no_grad()
def landscape(
    energy: EnergyFunction,
    plane: Plane,
    low: tuple[float, float],
    high: tuple[float, float],
    resolution: int = 200,
) -> Landscape:
    """F on a grid over a rectangle of a plane, from ``low`` to ``high`` in its coordinates.

    Parameters
    ----------
    energy : Energy or callable
    plane : Plane
    low, high : pair of float
        Corners, in the plane's coordinates.
    resolution : int, default 200
        Points a side, from 2 to 4096.

    Raises
    ------
    InputError
        If the resolution is out of its range.
    """
    check_parameters("landscape", {"resolution": resolution}, {"resolution": RESOLUTION})
    energy = as_energy(energy)
    steps = torch.linspace(0, 1, resolution).to(plane.origin)
    a = low[0] + (high[0] - low[0]) * steps
    b = low[1] + (high[1] - low[1]) * steps
    grid_b, grid_a = torch.meshgrid(b, a, indexing="ij")
    grid = torch.stack([grid_a.reshape(-1), grid_b.reshape(-1)], dim=1)
    values = torch.cat([energy(plane.points(part)) for part in grid.split(POINTS)])
    return Landscape(a, b, values.reshape(resolution, resolution))
