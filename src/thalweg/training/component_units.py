"""Parameters of Gaussian components, each learned in units of its own component's spread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from thalweg.energies import FullGaussians, GaussianComponents


class _InUnits(nn.Module):
    """base + unit * value: what is learned is value, which starts at 0."""

    base: Tensor
    unit: Tensor

    def __init__(self, base: Tensor, unit: Tensor) -> None:
        super().__init__()
        self.register_buffer("base", base)
        self.register_buffer("unit", unit)

    def forward(self, value: Tensor) -> Tensor:
        return self.base + self.unit * value

    def right_inverse(self, whole: Tensor) -> Tensor:
        return (whole - self.base) / self.unit


@contextmanager
def in_units_of_components(components: GaussianComponents) -> Iterator[None]:
    """Within, parameters are learned in units of each component's standard deviations.

    An optimizer's step is then a share of a component's width, however wide the data are and
    however far the components lie from one another. Means have the unit of their column, entries
    of the precision's factor its inverse; logarithms have none.
    """
    units = _units(components)
    for name, unit in units.items():
        base = getattr(components, name).detach().clone()
        parametrize.register_parametrization(components, name, _InUnits(base, unit))
    try:
        yield
    finally:
        for name in units:
            parametrize.remove_parametrizations(components, name)


@torch.no_grad()
def renew_units(components: GaussianComponents) -> None:
    """Take the units anew, after components have become wider or narrower."""
    # all of them first: each follows from all parameters
    for name, unit in _units(components).items():
        whole = getattr(components, name).clone()
        found = cast(Any, components.parametrizations)[name]
        found[0].base.copy_(whole)
        found[0].unit.copy_(unit)
        found.original.zero_()


@torch.no_grad()
def _units(components: GaussianComponents) -> dict[str, Tensor]:
    """By parameter: standard deviations of columns in each component (k, d), and their inverses."""
    factors = components.covariance_factors()
    spread = factors.square().sum(dim=2).sqrt().expand(len(components.means), -1).clone()
    units = {"means": spread}
    if isinstance(components, FullGaussians):
        units["lower"] = 1 / spread[: len(components.lower), :, None]
    return units
