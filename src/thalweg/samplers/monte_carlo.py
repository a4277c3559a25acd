"""Monte Carlo without chains: importance sampling and rejection."""

from __future__ import annotations

import dataclasses
import math
import warnings

import numpy as np
import scipy
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import Energy, EnergyFunction, InputError, value, whole_number
from thalweg.samplers.metropolis import drawn_from

TOO_HEAVY = 0.7
"""Pareto k above which the weights have no usable average."""


@dataclasses.dataclass(frozen=True, eq=False)
class Weighted:
    """Points with weights, that stand for a density."""

    y: Tensor
    """``(n, *shape)``"""
    log_weight: Tensor
    """(n,)"""
    log_z: float
    """estimate of log Z, the integral of exp(-F); nan where the proposal's is not known"""

    @property
    def share(self) -> Tensor:
        """Weights that sum to 1: (n,)."""
        return torch.softmax(self.log_weight, dim=0)

    @property
    def effective_size(self) -> float:
        """How many draws of the density itself would tell a mean as well."""
        return effective_size(self.log_weight)

    @property
    def pareto_k(self) -> float:
        """Shape of the weights' tail: below 0.5 good, above 0.7 not to be used."""
        return pareto_k(self.log_weight)

    def __str__(self) -> str:
        return (
            f"{len(self.y)} weighted points, effective size {self.effective_size:.0f}; "
            f"Pareto k {self.pareto_k:.2f}; log Z = {self.log_z:.4f}"
        )

    def mean(self) -> Tensor:
        """The weighted mean of y: ``(*shape)``."""
        return torch.einsum("n,n...->...", self.share.to(self.y), self.y)

    def resample(self, n: int, generator: torch.Generator) -> Tensor:
        """n points drawn by their weights, with repetitions: ``(n, *shape)``."""
        return self.y[torch.multinomial(self.share, n, replacement=True, generator=generator)]


def effective_size(log_weight: Tensor) -> float:
    """(sum w)^2 / sum w^2."""
    twice = 2 * torch.logsumexp(log_weight, dim=0)
    return float((twice - torch.logsumexp(2 * log_weight, dim=0)).exp())


def check_rise(rise: Tensor, owner: str) -> None:
    """Energies over those of a proposal, (n,): numbers, and not infinite at all points."""
    if bool(rise.isnan().any()):
        raise InputError(
            f"{owner}: the energy of point {int(rise.isnan().nonzero()[0, 0])} is not a number; "
            "expected a finite energy, or inf where nothing may be"
        )
    if not bool((rise < torch.inf).any()):
        raise InputError(
            f"{owner}: the energy is infinite at all {len(rise)} points, so that every weight is "
            "0; expected a start or a proposal that reaches where it is not"
        )


def importance(
    energy_fn: EnergyFunction, proposal: Energy, n: int, generator: torch.Generator
) -> Weighted:
    r"""Importance sampling: draws of another density, weighted.

    .. math::
        w(y) = e^{-F(y)} / q(y), \qquad y \sim q, \qquad Z = E_q[w]

    Parameters
    ----------
    energy_fn : callable
        F: the density is proportional to exp(-F). ``Bridge(energy, beta)`` has another temperature.
    proposal : Energy
        Has exact draws, wherever exp(-F) is not negligible; where it knows its log Z, that of F is
        estimated.
    n : int
    generator : torch.Generator

    Warns
    -----
    RuntimeWarning
        If the weights' tail is so heavy (Pareto k above 0.7) that a few draws decide.

    References
    ----------
    Vehtari, Simpson, Gelman, Yao, Gabry, "Pareto smoothed importance sampling" (2024).
    """
    n = whole_number("importance: n", n)
    y = drawn_from(proposal, n, generator, "importance")
    log_weight = (proposal.beta * value(proposal, y) - value(energy_fn, y)).double()
    check_rise(-log_weight, "importance")
    known = proposal.log_normalizer()
    log_z = math.nan
    if known is not None:
        log_z = float(known.detach()) + float(torch.logsumexp(log_weight, dim=0)) - math.log(n)
    found = Weighted(y, log_weight, log_z)
    if (k := found.pareto_k) > TOO_HEAVY:
        warnings.warn(
            f"importance: Pareto k is {k:.2f}, above {TOO_HEAVY}: a few of the {n} draws decide "
            f"(effective size {found.effective_size:.0f}). A proposal that is wider, or nearer to "
            "the density, helps.",
            RuntimeWarning,
            stacklevel=2,
        )
    return found


def pareto_k(log_weight: Tensor) -> float:
    """Shape of a generalized Pareto distribution fitted to the largest weights.

    The fit is that of Zhang and Stephens (2009), drawn a little towards 0.5 as for Pareto smoothed
    importance sampling. Not a number for fewer than 25 weights.
    """
    logs = np.sort(log_weight.double().cpu().numpy())
    n = len(logs)
    tail = math.ceil(min(n / 5, 3 * math.sqrt(n)))
    if tail < 5:
        return math.nan
    logs = logs - logs[-1]
    floor = math.exp(max(logs[-tail - 1], math.log(np.finfo(float).tiny)))
    excess = np.exp(logs[-tail:]) - floor
    if excess[-1] <= 1e-12:
        return -math.inf
    k = _zhang_stephens(np.maximum(excess, np.finfo(float).tiny))
    return (k * tail + 0.5 * 10) / (tail + 10)


def _zhang_stephens(x: NDArray[np.float64]) -> float:
    """Shape of a generalized Pareto distribution for sorted x above 0."""
    n = len(x)
    grid = 30 + int(math.sqrt(n))
    theta = 1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
    theta = theta / (3 * x[int(n / 4 + 0.5) - 1]) + 1 / x[-1]
    shapes = np.log1p(-theta[:, None] * x).mean(axis=1)
    likelihood = n * (np.log(-theta / shapes) - shapes - 1)
    theta_mean = float((theta * scipy.special.softmax(likelihood)).sum())
    return float(np.log1p(-theta_mean * x).mean())


@dataclasses.dataclass(frozen=True, eq=False)
class Kept:
    """What rejection sampling kept."""

    y: Tensor
    """``(n, *shape)``, exact draws"""
    acceptance: float
    """the share of proposals that were kept"""


def rejection(
    energy_fn: EnergyFunction,
    proposal: Energy,
    log_bound: float,
    n: int,
    generator: torch.Generator,
    max_proposals: int = 10_000_000,
) -> Kept:
    r"""Rejection sampling: exact, independent draws where a bound is known.

    .. math::
        \text{keep } y \sim q \text{ with probability } e^{F_q(y) - F(y) - b},
        \qquad F_q - F \le b

    The bound is checked at every proposal: one that breaks it is an error, because draws made with
    a bound that does not hold are not draws of the density.

    Parameters
    ----------
    energy_fn : callable
    proposal : Energy
        F_q, with exact draws.
    log_bound : float
        b, for the two energies as they are: their log Z do not enter.
    n : int
        Draws.
    generator : torch.Generator
    max_proposals : int, default 10_000_000

    References
    ----------
    von Neumann, "Various techniques used in connection with random digits" (1951).
    """
    n = whole_number("rejection: n", n)
    kept: list[Tensor] = []
    have = tried = 0
    while have < n and tried < max_proposals:
        size = min(max(n, 1000), max_proposals - tried)
        y = drawn_from(proposal, size, generator, "rejection")
        excess = (proposal.beta * value(proposal, y) - value(energy_fn, y)).double() - log_bound
        worst = float(excess.max())
        if not worst <= 1e-6 * max(1.0, abs(log_bound)):
            raise InputError(
                f"rejection: log_bound is {log_bound:g}, but a proposal has F_q - F = "
                f"{worst + log_bound:g}; expected a bound on F_q - F everywhere"
            )
        u = torch.rand(size, generator=generator, dtype=torch.float64, device=y.device)
        good = y[u.log() < excess]
        kept.append(good)
        have += len(good)
        tried += size
    if have < n:
        raise InputError(
            f"rejection: {have} of {tried} proposals were kept, fewer than the {n} asked for; "
            "expected a proposal nearer to the density, or a tighter bound"
        )
    return Kept(torch.cat(kept)[:n], have / tried)
