"""Annealed importance sampling: from an easy density to the wanted one, and back."""

from __future__ import annotations

import dataclasses
import itertools
import math
import numbers
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from thalweg.core import (
    Energy,
    EnergyFunction,
    InputError,
    as_whole,
    value,
    whole_number,
)
from thalweg.samplers.base import Follow, Sampler, unwatched
from thalweg.samplers.bridge import Bridge
from thalweg.samplers.doubts import coarse_energies, few_decide, warn_of
from thalweg.samplers.metropolis import drawn_from
from thalweg.samplers.monte_carlo import check_rise, effective_size

Path = Callable[[float], EnergyFunction]
"""From beta in [0, 1] to an energy: the easy one at 0, the wanted one at 1"""


@dataclasses.dataclass(frozen=True)
class LogZ:
    """An estimate of log Z, and how far to trust it."""

    value: float
    """log of the mean weight: its expectation lies below log Z"""
    standard_error: float
    """of ``value``, from the spread of the weights"""
    log_weight: Tensor
    """(n,), one a run"""

    def __str__(self) -> str:
        return f"log Z = {self.value:.4f} +- {self.standard_error:.4f}"


def known_log_z(start: Energy, owner: str) -> float:
    """log Z of the energy that a path starts from."""
    found = start.log_normalizer()
    if found is None:
        raise InputError(
            f"{owner}: {type(start).__name__} does not know its log Z; expected a start with "
            "log_normalizer, such as Normal"
        )
    return float(found.detach())


def annealed_importance(
    energy_fn: EnergyFunction,
    start: Energy,
    sampler: Sampler,
    betas: int | Sequence[float],
    n: int,
    generator: torch.Generator,
    path: Path | None = None,
    follow: Follow = unwatched,
) -> LogZ:
    r"""Annealed importance sampling: log Z of an energy, from below.

    .. math::
        w = \frac{Z_0}{1} \prod_k e^{F_{\beta_{k-1}}(y_k) - F_{\beta_k}(y_k)}, \qquad
        E[w] = Z_1

    n runs begin with exact draws of ``start`` and take a step of ``sampler`` at each temperature.
    The mean weight is unbiased, so its logarithm is too low in expectation, by about half the
    squared relative error. :func:`reversed_importance` begins at draws of the other end and is too
    high: together they are a bracket.

    Parameters
    ----------
    energy_fn : callable
        The wanted energy F: Z is the integral of exp(-F).
    start : Energy
        Has exact draws and knows its log Z.
    sampler : Sampler
        Leaves each density of the path as it is.
    betas : int or sequence of float
        The temperatures from 0 to 1, or how many steps of equal length.
    n : int
        Runs.
    generator : torch.Generator
    path : callable, optional
        From beta to an energy; the geometric path by default.

    Warns
    -----
    RuntimeWarning
        If a few of the runs have all the weight, or energies lie too far apart in their precision.

    References
    ----------
    Neal, "Annealed importance sampling" (2001).
    """
    n = whole_number("annealed_importance: n", n)
    ladder = _ladder(betas, "annealed_importance")
    at = path if path is not None else _geometric(energy_fn, start)
    y = drawn_from(start, n, generator, "annealed_importance")
    _check_begin(at(0.0), start, y, "annealed_importance")
    log_weight, energy = _anneal(at, y, sampler, ladder, generator, follow, "annealed_importance")
    _warn("annealed_importance", log_weight, energy)
    return _estimate(log_weight, known_log_z(start, "annealed_importance"))


def reversed_importance(
    energy_fn: EnergyFunction,
    start: Energy,
    sampler: Sampler,
    betas: int | Sequence[float],
    y: Tensor,
    generator: torch.Generator,
    path: Path | None = None,
    follow: Follow = unwatched,
) -> LogZ:
    r"""Annealed importance sampling from draws of the wanted density down: log Z from above.

    .. math::
        \log Z \le \log Z_0 - \log \frac1n \sum_i w_i, \qquad E[w] = Z_0 / Z_1

    Parameters
    ----------
    energy_fn, start, sampler, betas, generator, path
        As of :func:`annealed_importance`.
    y : Tensor
        ``(n, *shape)``, draws of the wanted density. Where they are not, the bound is none.

    References
    ----------
    Grosse, Ancha, Roy, "Measuring the reliability of MCMC inference with bidirectional Monte Carlo"
    (2016).
    """
    if not isinstance(y, Tensor) or y.dim() < 2 or len(y) < 1:
        raise InputError(
            "reversed_importance: y must be a tensor (n, *shape) of draws, as found.y of sample; "
            f"got {type(y).__name__}"
        )
    ladder = _ladder(betas, "reversed_importance")[::-1]
    at = path if path is not None else _geometric(energy_fn, start)
    _check_begin(at(0.0), start, y, "reversed_importance")
    log_weight, energy = _anneal(at, y, sampler, ladder, generator, follow, "reversed_importance")
    _warn("reversed_importance", log_weight, energy)
    found = _estimate(log_weight, 0.0)
    return LogZ(
        known_log_z(start, "reversed_importance") - found.value, found.standard_error, -log_weight
    )


def _geometric(energy_fn: EnergyFunction, start: Energy) -> Path:
    return lambda beta: Bridge(energy_fn, beta, start)


def _check_begin(begin: EnergyFunction, start: Energy, y: Tensor, owner: str) -> None:
    """The path begins at the energy whose log Z is known."""
    given, wanted = value(begin, y), start.beta * value(start, y)
    if not torch.allclose(given, wanted, rtol=1e-4, atol=1e-4):
        raise InputError(
            f"{owner}: path(0) is {float(given[0]):g} where start is {float(wanted[0]):g}; "
            "expected the same energy, constants included"
        )


def _ladder(betas: int | Sequence[float], owner: str) -> list[float]:
    if as_whole(betas) is not None:
        steps = whole_number(f"{owner}: betas", betas)
        return [k / steps for k in range(steps + 1)]
    if not isinstance(betas, Sequence) or not all(isinstance(b, numbers.Real) for b in betas):
        raise InputError(
            f"{owner}: betas must be a whole number or a sequence from 0 to 1, got {betas!r}"
        )
    ladder = [float(beta) for beta in betas]
    rising = all(a < b for a, b in itertools.pairwise(ladder))
    if len(ladder) < 2 or ladder[0] != 0 or ladder[-1] != 1 or not rising:
        raise InputError(f"{owner}: betas must rise from 0 to 1, got {ladder[:3]} ...")
    return ladder


def _anneal(
    path: Path,
    y: Tensor,
    sampler: Sampler,
    ladder: list[float],
    generator: torch.Generator,
    follow: Follow,
    owner: str,
) -> tuple[Tensor, Tensor]:
    """Log-weights (n,) of runs along the ladder, in double precision, and their last energies."""
    log_weight = torch.zeros(len(y), dtype=torch.float64, device=y.device)
    energy = value(path(ladder[0]), y)
    for k, beta in enumerate(ladder[1:], start=1):
        following = path(beta)
        above = value(following, y)
        rise = above.double() - energy.double()
        check_rise(rise, owner)
        log_weight -= rise
        # a run that came to where the energy is infinite has weight 0, and goes nowhere
        alive = rise < torch.inf
        if k < len(ladder) - 1:
            state, _ = sampler.step(following, sampler.init(following, y[alive]), generator)
            y, energy = y.clone(), torch.full_like(energy, -torch.inf)
            y[alive] = sampler.position(state)
            energy[alive] = value(following, y[alive])
        follow()
    return log_weight, above


def _warn(owner: str, log_weight: Tensor, energy: Tensor) -> None:
    size = effective_size(log_weight)
    doubt = few_decide(size, len(log_weight), "More temperatures, or more steps at each, help.")
    warn_of(owner, [doubt, coarse_energies(energy[log_weight.argmax()])], stacklevel=3)


def _estimate(log_weight: Tensor, log_z: float) -> LogZ:
    n = len(log_weight)
    level = torch.logsumexp(log_weight, dim=0) - math.log(n)
    relative = (log_weight - level).exp()
    error = float(relative.std() / math.sqrt(n)) if n > 1 else math.inf
    return LogZ(log_z + float(level), error, log_weight)
