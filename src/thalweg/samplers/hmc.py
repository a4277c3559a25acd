"""Hamiltonian Monte Carlo."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, Self, TypeVar

import torch
from torch import Tensor

from thalweg.core import Constraint, EnergyFunction, Integer, Real
from thalweg.samplers.adaptive import Adaptive, adapt_step
from thalweg.samplers.base import Follow, Info, State, unwatched
from thalweg.samplers.diagnostics import ess_mean
from thalweg.samplers.leapfrog import transition
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
class HMC(Adaptive):
    r"""Hamiltonian Monte Carlo: a random push, then many steps without noise.

    .. math::
        H(y, p) = F(y) + \tfrac12 p^T \Sigma p, \qquad \alpha = \min(1, e^{H(y, p) - H(y', p')})

    (y', p') is where a trajectory of leapfrog steps ends. All chains take the same number of steps,
    drawn anew for each trajectory, because a fixed length may fall in with a period of the density.

    Parameters
    ----------
    step_size : float or Tensor, default 0.1
        epsilon. Warm-up brings the acceptance to 0.8.
    metric : Metric, default Unit()
        Sigma: the inverse of the mass.
    n_steps : int, optional
        Mean number of leapfrog steps. If None, warm-up tries lengths and takes the one that is
        worth its gradients; that needs many chains, say 16. Before that, 10.
    jitter : float, default 1
        The number of steps is uniform in n_steps (1 - jitter) to n_steps (1 + jitter), rounded up.

    References
    ----------
    Duane, Kennedy, Pendleton, Roweth, "Hybrid Monte Carlo" (1987). Neal, "MCMC using Hamiltonian
    dynamics" (2011). Hoffman, Radul, Sountsov, "An adaptive-MCMC scheme for setting trajectory
    lengths in Hamiltonian Monte Carlo" (2021): lengths chosen by what many chains do together.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> energy = lambda y: y.square().sum(dim=1) / 2
    >>> sampler = HMC(step_size=0.5)
    >>> state = sampler.init(energy, torch.zeros(16, 3))
    >>> sampler, state = sampler.warm_up(energy, state, 200, generator)
    >>> state, info = sampler.step(energy, state, generator)
    >>> bool(info.diverged.any())
    False
    """

    n_steps: int | None = None
    jitter: float = 1.0

    target: ClassVar[float] = 0.8
    parameters: ClassVar[dict[str, Constraint]] = {
        **Adaptive.parameters,
        "n_steps": Integer(1, none=True),
        "jitter": Real(0, high=1),
    }

    def step(
        self, energy_fn: EnergyFunction, state: State, generator: torch.Generator
    ) -> tuple[State, Info]:
        mean = BEFORE if self.n_steps is None else self.n_steps
        n_steps = mean
        # without jitter nothing is asked of a GPU's generator, so that steps can be captured
        if self.jitter or generator.device.type == "cpu":
            share = 1 + self.jitter * (2 * one_uniform(generator) - 1)
            n_steps = max(1, math.ceil(share * mean))
        step = self.step_for(state.y)
        return transition(energy_fn, self.metric, state, step, n_steps, generator, LARGEST_RISE)

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


H = TypeVar("H", bound=HMC)


def _with_length(
    sampler: H,
    energy_fn: EnergyFunction,
    state: State,
    budget: int,
    generator: torch.Generator,
    follow: Follow,
) -> tuple[H, State, int]:
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


def _statistics(sampler: HMC, state: State) -> Tensor:
    """What should change from step to step: (n, 2 d + 1)."""
    z = sampler.metric.whiten(state.y).flatten(1).double()
    far = (z - z.mean(dim=0)).abs() if len(z) > 1 else z.abs()
    return torch.cat([z, far, state.energy[:, None].double()], dim=1)
