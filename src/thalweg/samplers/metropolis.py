"""Metropolis-Hastings with proposals that need no gradient."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch
from torch import Tensor

from thalweg.core import Constraint, Energy, EnergyFunction, InputError, OneOf, value
from thalweg.samplers.adaptive import Adaptive
from thalweg.samplers.base import Info, Sampler, State, metropolis, start
from thalweg.samplers.metric import add_scaled
from thalweg.samplers.noise import branch_off, normal


@dataclasses.dataclass(frozen=True, eq=False)
class RandomWalk(Adaptive):
    r"""Random-walk Metropolis: a Gaussian step, taken where the energy allows it.

    .. math::
        y' = y + \epsilon A \xi, \quad A A^T = \Sigma, \qquad
        \alpha = \min(1, e^{F(y) - F(y')})

    Parameters
    ----------
    step_size : float or Tensor, default 0.1
        epsilon. Warm-up brings the acceptance to 0.234.
    metric : Metric, default Unit()
        Sigma; the draws' covariance after warm-up.

    References
    ----------
    Metropolis et al., "Equation of state calculations by fast computing machines" (1953). Roberts,
    Gelman, Gilks, "Weak convergence and optimal scaling of random walk Metropolis algorithms"
    (1997).

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> sampler = RandomWalk(step_size=1.0)
    >>> energy = lambda y: y.square().sum(dim=1) / 2
    >>> state = sampler.init(energy, torch.zeros(4, 2))
    >>> state, info = sampler.step(energy, state, generator)
    >>> state.y.shape, info.accepted.shape
    (torch.Size([4, 2]), torch.Size([4]))
    """

    target: ClassVar[float] = 0.234
    uses_gradient: ClassVar[bool] = False

    def step(
        self, energy_fn: EnergyFunction, state: State, generator: torch.Generator
    ) -> tuple[State, Info]:
        y = state.y.clone()
        add_scaled(y, self.metric.root(normal(y, generator)), self.step_for(y))
        proposal = State(y, value(energy_fn, y), None)
        return metropolis(state, proposal, state.energy - proposal.energy, generator)


@dataclasses.dataclass(frozen=True, eq=False)
class Independence(Sampler):
    r"""Independence Metropolis: proposals from one density, wherever the chain is.

    .. math::
        y' \sim q, \qquad \alpha = \min(1, e^{F(y) - F(y') + F_q(y') - F_q(y)})

    Good where q covers the density everywhere; a chain that meets a place where q is far too thin
    stays there for long.

    Parameters
    ----------
    proposal : Energy
        F_q, with exact draws.

    References
    ----------
    Tierney, "Markov chains for exploring posterior distributions" (1994), section 2.3.3.
    """

    proposal: Energy

    parameters: ClassVar[dict[str, Constraint]] = {"proposal": OneOf(Energy)}

    def init(self, energy_fn: EnergyFunction, y: Tensor) -> State:
        return start(energy_fn, y, "Independence", gradient=False, space="any")

    def step(
        self, energy_fn: EnergyFunction, state: State, generator: torch.Generator
    ) -> tuple[State, Info]:
        # how many numbers a draw takes is the proposal's own affair
        source = branch_off(generator)
        y = drawn_from(self.proposal, len(state.y), source, "Independence")
        proposal = State(y, value(energy_fn, y), None)
        correction = value(self.proposal, y) - value(self.proposal, state.y)
        log_ratio = state.energy - proposal.energy + self.proposal.beta * correction
        return metropolis(state, proposal, log_ratio, generator)


def drawn_from(energy: Energy, n: int, generator: torch.Generator, owner: str) -> Tensor:
    """n exact draws of an energy that has to have them."""
    if not isinstance(energy, Energy):
        raise InputError(
            f"{owner}: {energy!r} is no Energy; expected one with exact draws, such as Normal"
        )
    with torch.no_grad():
        drawn = energy.draw(n, generator)
    if drawn is None:
        raise InputError(
            f"{owner}: {type(energy).__name__} has no exact way to draw; expected an energy whose "
            "draw(n, generator) gives rows, such as Normal"
        )
    return drawn
