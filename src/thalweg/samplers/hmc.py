"""Hamiltonian Monte Carlo."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch

from thalweg.core import EnergyFunction
from thalweg.samplers.base import Info, State
from thalweg.samplers.leapfrog import transition
from thalweg.samplers.trajectories import LARGEST_RISE, Trajectories


@dataclasses.dataclass(frozen=True, eq=False)
class HMC(Trajectories):
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

    target: ClassVar[float] = 0.8

    def travel(
        self, energy_fn: EnergyFunction, state: State, n_steps: int, generator: torch.Generator
    ) -> tuple[State, Info]:
        step = self.step_for(state.y)
        return transition(energy_fn, self.metric, state, step, n_steps, generator, LARGEST_RISE)
