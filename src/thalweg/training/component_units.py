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
    units = {"means": _spread(components)}
    if isinstance(components, FullGaussians):
        units["lower"] = 1 / _spread(components)[: len(components.lower), :, None]
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
    spread = _spread(components)
    means, lower = components.means.clone(), getattr(components, "lower", None)
    _renew(components, "means", means, spread)
    if isinstance(components, FullGaussians):
        assert lower is not None
        _renew(components, "lower", lower.clone(), 1 / spread[: len(lower), :, None])


def _renew(components: GaussianComponents, name: str, whole: Tensor, unit: Tensor) -> None:
    found = cast(Any, components.parametrizations)[name]
    found[0].base.copy_(whole)
    found[0].unit.copy_(unit)
    found.original.zero_()


@torch.no_grad()
def _spread(components: GaussianComponents) -> Tensor:
    """Standard deviations of the columns in each component: (k, d)."""
    factors = components.covariance_factors()
    return factors.square().sum(dim=2).sqrt().expand(len(components.means), -1).clone()
