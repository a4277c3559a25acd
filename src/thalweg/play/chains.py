"""Chains that are watched as they run."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from thalweg.core import Energy, InputError
from thalweg.energies import Sum
from thalweg.samplers import HMC, MALA, ParallelTempering, RandomWalk, Sampler

KINDS = {
    "walk": "random walk",
    "langevin": "Langevin",
    "hmc": "Hamiltonian",
    "tempering": "tempering",
}
LEAPS = 12
"""Steps of a trajectory of HMC"""

LADDER = (1.0, 0.5, 0.25, 0.12, 0.06)


class Traced(Energy):
    """An energy that remembers where it was asked: a trajectory, as the sampler goes along it.

    Parameters
    ----------
    energy : Energy
    """

    def __init__(self, energy: Energy) -> None:
        super().__init__()
        self.energy = energy
        self.asked: list[Tensor] = []

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        self.asked.append(y.detach().clone())
        value: Tensor = self.energy(y, x)
        return value

    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        self.asked.append(y.detach().clone())
        return self.energy.value_and_gradient(y, x)


class Moved(NamedTuple):
    """Some steps of chains."""

    trail: Tensor
    """(steps + 1, n, 2): where each was before and after every step"""
    paths: Tensor | None
    """(leaps, n, 2): the last trajectory, of HMC"""
    accepted: float
    """share of the steps that were taken"""


def sampler_of(kind: str, step_size: float) -> Sampler:
    """A sampler of the plane, for data of standard deviation 1; the step is a length."""
    if kind not in KINDS:
        raise InputError(f"chains: {kind!r}; expected one of {', '.join(KINDS)}")
    if kind == "walk":
        return RandomWalk(step_size)
    if kind == "langevin":
        # a step of MALA is as long as the noise in it
        return MALA(0.5 * step_size**2)
    if kind == "hmc":
        return HMC(step_size, n_steps=LEAPS, jitter=0.0)
    wide = torch.tensor([step_size / b**0.5 for b in LADDER], dtype=torch.float32)
    return ParallelTempering(RandomWalk(wide), LADDER)


class Chains:
    """Chains that go on from where they are, under the energy as it is now.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`.
    start : Tensor
        (n, 2).
    seed : int
    """

    def __init__(self, kind: str, start: Tensor, seed: int) -> None:
        sampler_of(kind, 1.0)
        self.kind, self.at = kind, start
        self.generator = torch.Generator().manual_seed(seed)

    def advance(self, energy: Energy, beta: float, step_size: float, n_steps: int) -> Moved:
        """So many steps at an inverse temperature; the step size is in the data's units."""
        sampler = sampler_of(self.kind, step_size)
        traced = Traced(Sum([energy], [beta]))
        state = sampler.init(traced, self.at)
        trail, taken = [sampler.position(state)], []
        for _ in range(n_steps):
            traced.asked.clear()
            state, info = sampler.step(traced, state, self.generator)
            trail.append(sampler.position(state))
            taken.append(info.accepted.float().mean())
        paths = None
        if self.kind == "hmc":
            paths = torch.stack([trail[-2], *traced.asked])
        self.at = trail[-1].detach()
        return Moved(torch.stack(trail).detach(), paths, float(torch.stack(taken).mean()))
