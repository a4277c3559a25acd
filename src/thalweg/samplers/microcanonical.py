"""Microcanonical dynamics: a velocity of fixed length, turned by the gradient."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, Self

import torch
from torch import Tensor

from thalweg.core import Constraint, EnergyFunction, InputError, Real, value_and_gradient
from thalweg.samplers.adaptive import adapt_step
from thalweg.samplers.base import Follow, Info, State, choose, metropolis, unwatched
from thalweg.samplers.metric import Metric, add_scaled
from thalweg.samplers.noise import normal, per_chain, sum_of
from thalweg.samplers.trajectories import LARGEST_RISE, Trajectories

RIGHT = 5e-4
"""Mean square of a step's error of the energy, a coordinate, at which MCLMC's bias is small"""


@dataclasses.dataclass(frozen=True, eq=False)
class MAMS(Trajectories):
    r"""Metropolis-adjusted microcanonical sampling: trajectories of constant speed.

    .. math::
        \dot y = \sqrt d\, A u, \qquad
        \dot u = -\frac{\sqrt d}{d - 1} (I - u u^T) A^T \nabla F(y), \qquad
        |u| = 1, \quad A A^T = \Sigma

    which keep the density of y on their way, whatever the direction u; so a direction is drawn, a
    trajectory is followed, and the error W of its steps decides: its end is taken with probability
    min(1, exp(-W)). No chain can be far too fast, so that steps may be longer than those of
    :class:`HMC` in many dimensions.

    Parameters
    ----------
    step_size : float or Tensor, default 0.1
        epsilon: how far a coordinate moves in a step, about. Warm-up brings the acceptance to 0.9.
    metric : Metric, default Unit()
        Sigma.
    n_steps, jitter
        As of :class:`HMC`.

    Raises
    ------
    InputError
        If y has a single coordinate, which has no direction to turn to.

    References
    ----------
    Robnik, De Luca, Silverstein, Seljak, "Microcanonical Hamiltonian Monte Carlo" (2023), eq. 16;
    Robnik, Cohn-Gordon, Seljak, "Metropolis adjusted microcanonical Hamiltonian Monte Carlo"
    (2025).

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> energy = lambda y: y.square().sum(dim=1) / 2
    >>> sampler = MAMS(step_size=0.5, n_steps=4)
    >>> state = sampler.init(energy, torch.zeros(16, 3))
    >>> state, info = sampler.step(energy, state, generator)
    >>> bool(info.diverged.any())
    False
    """

    target: ClassVar[float] = 0.9

    def init(self, energy_fn: EnergyFunction, y: Tensor) -> State:
        _check_directions("MAMS", y)
        return super().init(energy_fn, y)

    def travel(
        self, energy_fn: EnergyFunction, state: State, n_steps: int, generator: torch.Generator
    ) -> tuple[State, Info]:
        assert state.grad is not None
        u = _direction(normal(state.y, generator))
        step = self.step_for(state.y)
        end, _, kinetic = microcanonical(energy_fn, self.metric, state, u, step, n_steps)
        log_ratio = state.energy - end.energy - kinetic
        return metropolis(state, end, log_ratio, generator, n_steps, LARGEST_RISE)


@dataclasses.dataclass(frozen=True, eq=False)
class MCLMC(Trajectories):
    r"""Microcanonical Langevin dynamics, unadjusted: as :class:`MAMS`, and nothing is rejected.

    The direction takes in some noise after each step, so that it is forgotten over a length L, as

    .. math::
        u \leftarrow \frac{u + \nu \xi}{|u + \nu \xi|}, \qquad
        \nu = \sqrt{(e^{2 \epsilon / L} - 1) / d}

    Its draws are biased by the step size. Warm-up takes one with which the error of the energy has
    a mean square of 5e-4 a step and coordinate, where the bias is small beside what a few thousand
    draws can tell; nothing that is seen in chains shows it.

    Parameters
    ----------
    step_size : float or Tensor, default 0.1
        epsilon, as of :class:`MAMS`.
    metric : Metric, default Unit()
    n_steps, jitter
        As of :class:`HMC`: integrator steps between two draws.
    length : float, default 1
        L, in units in which coordinates have a standard deviation of 1.

    References
    ----------
    Robnik, Seljak, "Microcanonical Langevin Monte Carlo" (2024), eq. 15 and section 4.
    """

    length: float = 1.0

    exact: ClassVar[bool] = False
    target: ClassVar[float] = 0.5
    parameters: ClassVar[dict[str, Constraint]] = {
        **Trajectories.parameters,
        "length": Real(0, above=True),
    }

    def init(self, energy_fn: EnergyFunction, y: Tensor) -> State:
        _check_directions("MCLMC", y)
        return super().init(energy_fn, y)

    def warm_up(
        self,
        energy_fn: EnergyFunction,
        state: State,
        n_steps: int,
        generator: torch.Generator,
        follow: Follow = unwatched,
    ) -> tuple[Self, State]:
        """:class:`MAMS` finds the way, the metric and the length; then the step size is found."""
        guided = n_steps * 3 // 4
        guide = MAMS(self.step_size, self.metric, self.n_steps, self.jitter)
        guide, state = guide.warm_up(energy_fn, state, guided, generator, follow)
        own = self.tuned(
            step_size=guide.step_size, metric=guide.metric, n_steps=guide.n_steps or self.n_steps
        )
        return adapt_step(own, energy_fn, state, n_steps - guided, generator, follow)

    def travel(
        self, energy_fn: EnergyFunction, state: State, n_steps: int, generator: torch.Generator
    ) -> tuple[State, Info]:
        step, d = self.step_for(state.y), state.y[0].numel()
        share = (torch.as_tensor(step).double() * 2 / self.length).expm1()
        spread = (share / d).sqrt().to(state.y)
        u, now = _direction(normal(state.y, generator)), state
        square = torch.zeros_like(state.energy)
        for _ in range(n_steps):
            after, u, kinetic = microcanonical(energy_fn, self.metric, now, u, step)
            square = square + (after.energy - now.energy + kinetic).square()
            u, now = _direction(u + spread * normal(u, generator)), after
        assert now.grad is not None
        finite = (now.energy + square + sum_of(now.grad)).isfinite()
        # half where the error is as large as is right: a warm-up that aims there finds the step
        fair = 1 / (1 + square / (n_steps * d * RIGHT))
        info = Info(finite, torch.where(finite, fair, 0), ~finite, n_steps)
        return choose(finite, now, state), info


def microcanonical(
    energy_fn: EnergyFunction,
    metric: Metric,
    state: State,
    u: Tensor,
    step: float | Tensor,
    n_steps: int = 1,
) -> tuple[State, Tensor, Tensor]:
    r"""Steps of the isokinetic leapfrog integrator: turn by half, go straight on, turn by half.

    .. math::
        u' = \frac{u + e\, (\sinh \delta + (e \cdot u)(\cosh \delta - 1))}
                  {\cosh \delta + (e \cdot u) \sinh \delta}, \qquad
        \Delta K = (d - 1) \log(\cosh \delta + (e \cdot u) \sinh \delta)

    with e the direction of -A^T grad F and delta = epsilon sqrt(d) |A^T grad F| / (2 (d - 1)).

    Parameters
    ----------
    energy_fn : callable
    metric : Metric
    state : State
        Where to start.
    u : Tensor
        ``(n, *shape)``, of length 1.
    step : float or Tensor
    n_steps : int, default 1

    Returns
    -------
    State
        The end.
    u : Tensor
    kinetic : Tensor
        The sum of Delta K, (n,): with the rise of F the error of the steps.
    """
    assert state.grad is not None
    root = math.sqrt(state.y[0].numel())
    y, energy, grad = state.y.clone(), state.energy, state.grad
    u, kinetic = _turned(metric, u, grad, 0.5 * step)
    for i in range(n_steps):
        add_scaled(y, metric.root(u), step * root)
        energy, grad = value_and_gradient(energy_fn, y)
        u, more = _turned(metric, u, grad, step if i + 1 < n_steps else 0.5 * step)
        kinetic = kinetic + more
    return State(y, energy, grad), u, kinetic


def _turned(metric: Metric, u: Tensor, grad: Tensor, step: float | Tensor) -> tuple[Tensor, Tensor]:
    """The direction after the gradient has turned it, and Delta K."""
    d = u[0].numel()
    pull = -metric.whiten(metric.velocity(grad))  # -A^T grad
    size = pull.flatten(1).norm(dim=1)
    e = pull / per_chain(size, pull).clamp_min(torch.finfo(size.dtype).tiny)
    sizes = step.reshape(-1) if isinstance(step, Tensor) else step
    delta = sizes * math.sqrt(d) * size / (d - 1)
    along, small = (e * u).flatten(1).sum(dim=1), (-delta).exp()
    # both times 2 exp(-delta), for large turns
    toward = (1 - small) * (1 + small + along * (1 - small))
    turned = per_chain(2 * small, u) * u + per_chain(toward, u) * e
    stretch = delta - math.log(2) + torch.log(1 + along + (1 - along) * small.square())
    return _direction(turned), (d - 1) * stretch


def _direction(v: Tensor) -> Tensor:
    """Of length 1."""
    return v / per_chain(v.flatten(1).norm(dim=1), v)


def _check_directions(owner: str, y: Tensor) -> None:
    if isinstance(y, Tensor) and y.dim() > 1 and len(y) and y[0].numel() < 2:
        raise InputError(
            f"{owner}: y has 1 coordinate, in which there is no direction to turn to; expected 2 "
            "or more, or HMC"
        )
