"""Metrics: which directions are long. An estimate of the covariance; the mass is its inverse."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from thalweg.core import InputError
from thalweg.samplers.noise import inner


class Parts(NamedTuple):
    """Sigma = S (I + U (Lambda - I) U^T) S, of one type, each in a row."""

    scale: Tensor | None
    """s, (d,); None for ones"""
    vectors: Tensor | None
    """U^T, (k, d); None for none"""
    values: Tensor | None
    """the diagonal of Lambda, (k,)"""


class Metric(ABC):
    r"""A positive matrix :math:`\Sigma` over the coordinates of y, applied and never formed.

    Momenta are drawn from N(0, Sigma^-1) and move y by Sigma p, so that the dynamics see a density
    whose directions are equally long. With Sigma the covariance of a Gaussian, they are.
    """

    @abstractmethod
    def velocity(self, p: Tensor) -> Tensor:
        """Sigma p, for p ``(n, *shape)``."""

    @abstractmethod
    def root(self, noise: Tensor) -> Tensor:
        """A noise with A A^T = Sigma: standard normal numbers become N(0, Sigma)."""

    @abstractmethod
    def momentum(self, noise: Tensor) -> Tensor:
        """A^-T noise: standard normal numbers become N(0, Sigma^-1)."""

    @abstractmethod
    def whiten(self, y: Tensor) -> Tensor:
        """A^-1 y: differences of rows in the coordinates where directions are equally long."""

    def parts(self) -> Parts | None:
        """What compiled loops need of it; None for a metric that they do not know."""
        return None

    def kinetic(self, p: Tensor) -> Tensor:
        """p^T Sigma p / 2: (n,)."""
        return 0.5 * inner(p, self.velocity(p))

    def drift(self, y: Tensor, p: Tensor, step: float | Tensor) -> None:
        """Add step Sigma p to y, in place."""
        add_scaled(y, self.velocity(p), step)


def add_scaled(y: Tensor, move: Tensor, step: float | Tensor) -> None:
    """Y += step * move, in place; ``step`` is a number or broadcasts against y."""
    if isinstance(step, Tensor):
        y.addcmul_(move, step)
    else:
        y.add_(move, alpha=step)


class Unit(Metric):
    """All directions as they are."""

    def velocity(self, p: Tensor) -> Tensor:
        return p

    def root(self, noise: Tensor) -> Tensor:
        return noise

    def momentum(self, noise: Tensor) -> Tensor:
        return noise

    def whiten(self, y: Tensor) -> Tensor:
        return y

    def parts(self) -> Parts:
        return Parts(None, None, None)

    def __repr__(self) -> str:
        return "Unit()"


UNIT = Unit()


def _check_positive(owner: str, name: str, value: Tensor) -> None:
    right = isinstance(value, Tensor) and value.is_floating_point()
    if not right or not bool(((value > 0) & value.isfinite()).all()):
        least = f"{float(value.min()):g} to {float(value.max()):g}" if right else repr(value)
        raise InputError(f"{owner}: {name} must be a tensor of finite numbers above 0, got {least}")


@dataclasses.dataclass(frozen=True, eq=False)
class Diagonal(Metric):
    """A variance for each coordinate.

    Parameters
    ----------
    variance : Tensor
        The shape of one y, all above 0.
    """

    variance: Tensor

    def __post_init__(self) -> None:
        _check_positive("Diagonal", "variance", self.variance)

    def velocity(self, p: Tensor) -> Tensor:
        return p * self.variance

    def root(self, noise: Tensor) -> Tensor:
        return noise * self.variance.sqrt()

    def momentum(self, noise: Tensor) -> Tensor:
        return noise * self.variance.rsqrt()

    def whiten(self, y: Tensor) -> Tensor:
        return y * self.variance.rsqrt()

    def parts(self) -> Parts:
        return self._parts

    @cached_property
    def _parts(self) -> Parts:
        return Parts(self.variance.sqrt().flatten().contiguous(), None, None)

    def drift(self, y: Tensor, p: Tensor, step: float | Tensor) -> None:
        if isinstance(step, Tensor):
            y.addcmul_(p, self.variance * step)
        else:
            y.addcmul_(p, self.variance, value=step)


@dataclasses.dataclass(frozen=True, eq=False)
class LowRank(Metric):
    r"""A variance for each coordinate, and a few directions with a variance of their own.

    .. math::
        \Sigma = S (I + U (\Lambda - I) U^T) S, \qquad S = \mathrm{diag}(s)

    Parameters
    ----------
    scale : Tensor
        s, the shape of one y, all above 0.
    vectors : Tensor
        U, (d, k), orthonormal, over the coordinates of y in a row.
    values : Tensor
        The diagonal of Lambda, (k,), all above 0.
    """

    scale: Tensor
    vectors: Tensor
    values: Tensor

    def __post_init__(self) -> None:
        _check_positive("LowRank", "scale", self.scale)
        _check_positive("LowRank", "values", self.values)
        expected = (self.scale.numel(), len(self.values.flatten()))
        if not isinstance(self.vectors, Tensor) or self.vectors.shape != expected:
            is_tensor = isinstance(self.vectors, Tensor)
            shown = tuple(self.vectors.shape) if is_tensor else repr(self.vectors)
            raise InputError(
                f"LowRank: vectors must be a tensor of shape {expected}, a column for each of "
                f"values, got {shown}"
            )

    def _stretch(self, v: Tensor, power: float) -> Tensor:
        flat = v.flatten(1)
        along = (flat @ self.vectors) * (self.values**power - 1)
        return torch.addmm(flat, along, self.vectors.T).view_as(v)

    def velocity(self, p: Tensor) -> Tensor:
        return self._stretch(p * self.scale, 1.0) * self.scale

    def root(self, noise: Tensor) -> Tensor:
        return self._stretch(noise, 0.5) * self.scale

    def momentum(self, noise: Tensor) -> Tensor:
        return self._stretch(noise, -0.5) / self.scale

    def whiten(self, y: Tensor) -> Tensor:
        return self._stretch(y / self.scale, -0.5)

    def parts(self) -> Parts:
        return self._parts

    @cached_property
    def _parts(self) -> Parts:
        scale = self.scale.flatten().contiguous()
        return Parts(scale, self.vectors.T.contiguous(), self.values.flatten().contiguous())
