"""Sequential Monte Carlo: points that are led from an easy density to the wanted one."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thalweg.core import (
    Energy,
    EnergyFunction,
    Integer,
    Real,
    check_parameters,
    value,
    whole_number,
)
from thalweg.samplers.adaptive import Adaptive, mean_step
from thalweg.samplers.annealing import known_log_z
from thalweg.samplers.base import Follow, Sampler, State, unwatched
from thalweg.samplers.bridge import Bridge
from thalweg.samplers.doubts import coarse_energies, copies, warn_of
from thalweg.samplers.estimate import metric_from
from thalweg.samplers.metropolis import drawn_from
from thalweg.samplers.monte_carlo import Weighted, check_rise, effective_size

SEQUENTIAL = {"n": Integer(1), "share": Real(0, above=True, high=1, below=True),
              "moves": Integer(0)}  # fmt: skip


def sequential(
    energy_fn: EnergyFunction,
    start: Energy,
    sampler: Sampler,
    n: int,
    generator: torch.Generator,
    share: float = 0.5,
    moves: int = 5,
    follow: Follow = unwatched,
) -> Weighted:
    r"""Sequential Monte Carlo: n points from an easy density, led to the wanted one.

    The next beta is as far as the effective size of the weights stays above ``share`` of n; then
    points are chosen by their weights and take ``moves`` steps. A sampler with a step size and a
    metric gets them from the points at every temperature.

    Parameters
    ----------
    energy_fn : callable
    start : Energy
        Has exact draws and knows its log Z.
    sampler : Sampler
    n : int
        Points.
    generator : torch.Generator
    share : float, default 0.5
    moves : int, default 5

    Returns
    -------
    Weighted
        Points with equal weights, and log Z.

    Warns
    -----
    RuntimeWarning
        If most points are copies of each other, or energies lie too far apart in their precision.

    References
    ----------
    Del Moral, Doucet, Jasra, "Sequential Monte Carlo samplers" (2006); "On adaptive resampling
    strategies" (2012).
    """
    n = whole_number("sequential: n", n)
    given = {"n": n, "share": share, "moves": moves}
    check_parameters("sequential", given, SEQUENTIAL)
    y = drawn_from(start, n, generator, "sequential")
    log_z = known_log_z(start, "sequential")
    beta = 0.0
    while beta < 1:
        here = Bridge(energy_fn, beta, start)
        beta, log_weight = _furthest(here, y, share)
        log_z += float(torch.logsumexp(log_weight, dim=0)) - math.log(n)
        y = y[systematic(log_weight, generator)]
        sampler, y = _move(sampler, Bridge(energy_fn, beta, start), y, moves, generator)
        follow()
    end = Bridge(energy_fn, 1.0, start)
    doubts = [copies(y) if end.space == "real" else None, coarse_energies(value(end, y))]
    warn_of("sequential", doubts, stacklevel=2)
    equal = torch.zeros(n, dtype=torch.float64, device=y.device)
    return Weighted(y, equal, log_z)


def _furthest(here: Bridge, y: Tensor, share: float) -> tuple[float, Tensor]:
    """The next beta, and the log-weights (n,) of the way to it."""
    assert isinstance(here.share, float)
    slope = here.by_share(y).double()
    check_rise(slope, "sequential")
    wanted = share * len(y)
    far, near = 1 - here.share, 0.0
    if effective_size(-far * slope) >= wanted:
        return 1.0, -far * slope
    for _ in range(50):
        middle = 0.5 * (far + near)
        if effective_size(-middle * slope) >= wanted:
            near = middle
        else:
            far = middle
    step = max(near, 1e-9)
    return here.share + step, -step * slope


def systematic(log_weight: Tensor, generator: torch.Generator) -> Tensor:
    """Indices (n,) drawn by their weights, each as often as expected up to one."""
    n = len(log_weight)
    weight = torch.softmax(log_weight, dim=0).cumsum(dim=0)
    u = torch.rand((), generator=generator, dtype=weight.dtype, device=weight.device)
    places = (torch.arange(n, device=weight.device) + u) / n * weight[-1]
    return torch.searchsorted(weight, places).clamp(max=n - 1)


def _move(
    sampler: Sampler, energy: Bridge, y: Tensor, moves: int, generator: torch.Generator
) -> tuple[Sampler, Tensor]:
    state = sampler.init(energy, y)
    if isinstance(sampler, Adaptive):
        sampler, state = _adaptive_moves(sampler, energy, state, moves, generator)
        return sampler, state.y
    for _ in range(moves):
        state, _ = sampler.step(energy, state, generator)
    return sampler, sampler.position(state)


def _adaptive_moves(
    sampler: Adaptive, energy: Bridge, state: State, moves: int, generator: torch.Generator
) -> tuple[Adaptive, State]:
    sampler = sampler.tuned(metric=metric_from([state], len(state.y)))
    for _ in range(moves):
        state, info = sampler.step(energy, state, generator)
        # a step of the size's logarithm towards the wanted acceptance
        ratio = float((info.acceptance.mean() - sampler.target).exp())
        sampler = sampler.tuned(step_size=mean_step(sampler) * ratio)
    return sampler, state
