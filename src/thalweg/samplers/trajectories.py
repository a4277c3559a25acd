"""Samplers of trajectories: many steps without noise, of a length that a warm-up chooses."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from typing import ClassVar, Self, TypeVar

import torch
from torch import Tensor

from thalweg.core import Constraint, EnergyFunction, Integer, Real
from thalweg.samplers.adaptive import Adaptive, adapt_step
from thalweg.samplers.base import Follow, Info, State, unwatched
from thalweg.samplers.diagnostics import ess_mean
from thalweg.samplers.noise import one_uniform

LARGEST_RISE = 1000.0
"""A rise of the total energy above which a trajectory has diverged."""

LONGEST = 1024
"""Leapfrog steps at most in a trajectory that warm-up chooses."""

FEWEST = 10
"""Draws from which a length is judged; an effective size takes at least 8."""

BEFORE = 10
"""Leapfrog steps before a warm-up has chosen."""


@dataclasses.dataclass(frozen=True, eq=False)
class Trajectories(Adaptive, ABC):
    """Steps that are trajectories of integrator steps.

    All chains take the same number of them, drawn anew for each trajectory, because a fixed length
    may fall in with a period of the density.

    Parameters
    ----------
    step_size, metric
        As of :class:`Adaptive`.
    n_steps : int, optional
        Mean number of integrator steps. If None, warm-up tries lengths and takes the one that is
        worth its gradients; that needs many chains, say 16. Before that, 10.
    jitter : float, default 1
        The number of steps is uniform in n_steps (1 - jitter) to n_steps (1 + jitter), rounded up.
    """

    n_steps: int | None = None
    jitter: float = 1.0

    parameters: ClassVar[dict[str, Constraint]] = {
        **Adaptive.parameters,
        "n_steps": Integer(1, none=True),
        "jitter": Real(0, high=1),
    }

    @abstractmethod
    def travel(
        self, energy_fn: EnergyFunction, state: State, n_steps: int, generator: torch.Generator
    ) -> tuple[State, Info]:
        """A trajectory of so many steps, and where each chain is after it."""

    def step(
        self, energy_fn: EnergyFunction, state: State, generator: torch.Generator
    ) -> tuple[State, Info]:
        mean = BEFORE if self.n_steps is None else self.n_steps
        n_steps = mean
        # without jitter nothing is asked of a GPU's generator, so that steps can be captured
        if self.jitter or generator.device.type == "cpu":
            share = 1 + self.jitter * (2 * one_uniform(generator) - 1)
            n_steps = max(1, math.ceil(share * mean))
        return self.travel(energy_fn, state, n_steps, generator)

    def of_one_step(self) -> Self:
        return self.tuned(n_steps=1, jitter=0.0)

    def warm_up(
        self,
        energy_fn: EnergyFunction,
        state: State,
        n_steps: int,
        generator: torch.Generator,
        follow: Follow = unwatched,
    ) -> tuple[Self, State]:
        if self.n_steps is not None:
            return super().warm_up(energy_fn, state, n_steps, generator, follow)
        search, last = n_steps // 3, n_steps // 10
        sampler, state = super().warm_up(
            energy_fn, state, n_steps - search - last, generator, follow
        )
        sampler, state, left = _with_length(sampler, energy_fn, state, search, generator, follow)
        return adapt_step(sampler, energy_fn, state, left + last, generator, follow)


T = TypeVar("T", bound=Trajectories)


def _with_length(
    sampler: T,
    energy_fn: EnergyFunction,
    state: State,
    budget: int,
    generator: torch.Generator,
    follow: Follow,
) -> tuple[T, State, int]:
    """The leapfrog steps with most effective draws a gradient, and what is left of the budget.

    Lengths are tried, each twice the one before, until two in a row were worse
    than the best: short runs of about equally many gradients, of which the effective size is that
    of the worst of the coordinates, their distances from the middle, and the energy.
    """
    gradients = budget * 2 // 5
    best, worth, worse, n = BEFORE, 0.0, 0, 1
    while worse < 2 and n <= LONGEST:
        tried = sampler.tuned(n_steps=n)
        steps = max(FEWEST, gradients // n)
        if steps > budget:
            break
        seen = []
        for _ in range(steps):
            state, _ = tried.step(energy_fn, state, generator)
            seen.append(_statistics(sampler, state))
            follow()
        budget -= steps
        cost = n + 0.5 if sampler.jitter > 0 else n
        score = float(ess_mean(torch.stack(seen, dim=1)).nan_to_num(nan=0).min()) / (steps * cost)
        if score > worth:
            best, worth, worse = n, score, 0
        else:
            worse += 1
        n *= 2
    return sampler.tuned(n_steps=best), state, budget


def _statistics(sampler: Trajectories, state: State) -> Tensor:
    """What should change from step to step: (n, 2 d + 1)."""
    z = sampler.metric.whiten(state.y).flatten(1).double()
    far = (z - z.mean(dim=0)).abs() if len(z) > 1 else z.abs()
    return torch.cat([z, far, state.energy[:, None].double()], dim=1)
