"""What keeps embeddings from collapsing: how far those of a batch are from filling their space."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from thalweg.objectives.base import settings_of
from thalweg.samplers.noise import normal

LONGEST, POINTS = 5.0, 17
"""Frequencies that characteristic functions are compared at: up to what, and how many"""


class Spread(nn.Module, ABC):
    """A number for embeddings (n, m) of a batch, small where they fill their space."""

    def extra_repr(self) -> str:
        return settings_of(self)

    @abstractmethod
    def forward(self, z: Tensor, generator: torch.Generator) -> Tensor:
        """For embeddings z (n, m), at least two: ()."""


class ByCovariance(Spread):
    r"""Components as wide as 1, and not correlated.

    .. math::
        \frac{\mu}{m} \sum_j \max(0, 1 - s_j) + \frac{\nu}{m} \sum_{j \neq k} C_{jk}^2

    with s_j the standard deviation of component j over the batch and C their covariance.

    Parameters
    ----------
    variance, covariance : float, default 25 and 1
        mu and nu.

    References
    ----------
    Bardes, Ponce, LeCun, "VICReg: variance-invariance-covariance regularization for
    self-supervised learning" (2022), equations 1 to 4.
    """

    def __init__(self, variance: float = 25.0, covariance: float = 1.0) -> None:
        super().__init__()
        self.variance, self.covariance = variance, covariance

    def forward(self, z: Tensor, generator: torch.Generator) -> Tensor:
        return self.variance * narrowness(z) + self.covariance * correlation(z)


class IsotropicGaussian(Spread):
    r"""Embeddings that are distributed as a standard normal density, along random directions.

    .. math::
        \frac{n}{s} \sum_{i=1}^{s} \int \left| \hat\varphi_{a_i}(t) - e^{-t^2/2} \right|^2
        e^{-t^2/2} dt, \qquad \hat\varphi_a(t) = \frac1n \sum_j e^{i t a^T z_j}, \quad \|a\| = 1

    the statistic of Epps and Pulley for each of s directions, drawn anew every time. All
    directions normal is all of the density normal (Cramer and Wold), so that more is asked than of
    variances: the energy of single items follows (:class:`thalweg.energies.GaussianEmbedding`).

    Parameters
    ----------
    slices : int, default 64
        s.
    weight : float, default 1

    References
    ----------
    Balestriero, LeCun, "LeJEPA: provable and scalable self-supervised learning without the
    heuristics" (2025); Epps, Pulley, "A test for normality based on the empirical characteristic
    function" (1983).
    """

    def __init__(self, slices: int = 64, weight: float = 1.0) -> None:
        super().__init__()
        self.slices, self.weight = slices, weight

    def forward(self, z: Tensor, generator: torch.Generator) -> Tensor:
        directions = normal(z.new_empty(self.slices, z.shape[1]), generator)
        along = z @ nn.functional.normalize(directions, dim=1).T
        return self.weight * len(z) * normality(along).mean()


def normality(along: Tensor) -> Tensor:
    r"""The distance of samples (n, s) from a normal density, :math:`\int |...|^2 e^{-t^2/2} dt`."""
    # by the trapezoid rule, over half of the line, for both are alike: the ends are 0, one nearly
    t = torch.linspace(0, LONGEST, POINTS, dtype=along.dtype, device=along.device)
    turns = along[..., None] * t
    expected = (-0.5 * t.square()).exp()
    apart = (turns.cos().mean(dim=0) - expected).square() + turns.sin().mean(dim=0).square()
    weight = 2 * LONGEST / (POINTS - 1) * expected
    return apart @ weight


def narrowness(z: Tensor) -> Tensor:
    """How far each component's standard deviation is below 1, on average."""
    return torch.relu(1 - (z.var(dim=0) + 1e-4).sqrt()).mean()


def correlation(z: Tensor) -> Tensor:
    """The squared covariances of different components, summed, by component."""
    centred = z - z.mean(dim=0)
    square = (centred.T @ centred / (len(z) - 1)).square()
    return (square.sum() - square.diagonal().sum()) / z.shape[1]
