"""Langevin dynamics: down the gradient, with noise."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch
from torch import Tensor

from thalweg.core import Constraint, EnergyFunction, OneOf, Real, value_and_gradient
from thalweg.samplers.adaptive import Adaptive, StepSize, check_steps, step_for
from thalweg.samplers.base import Info, Sampler, State, choose, start
from thalweg.samplers.leapfrog import transition
from thalweg.samplers.metric import UNIT, Metric, add_scaled
from thalweg.samplers.noise import normal, sum_of


@dataclasses.dataclass(frozen=True, eq=False)
class Langevin(Sampler):
    r"""Unadjusted Langevin dynamics (ULA).

    .. math::
        y' = y - \eta \Sigma \nabla F(y) + \sqrt{2 \eta} A \xi, \qquad A A^T = \Sigma

    With this noise the density is proportional to exp(-F) up to an error of the order of the step
    size; nothing is rejected but a step to where energy or gradient is not finite. For the short
    runs of contrastive training it is customary to weigh the gradient more than the noise:
    ``Langevin(step_size=10.0, noise=0.005)`` is one such recipe, and has no density that it keeps.

    Parameters
    ----------
    step_size : float or Tensor, default 0.01
        eta, not its square root.
    metric : Metric, default Unit()
        Sigma.
    noise : float, optional
        The factor of A xi where it is not to be sqrt(2 eta).

    References
    ----------
    Roberts, Tweedie, "Exponential convergence of Langevin distributions and their discrete
    approximations" (1996). Nijkamp, Hill, Zhu, Wu, "Learning non-convergent non-persistent
    short-run MCMC toward energy-based model" (2019).
    """

    step_size: float | Tensor = 0.01
    metric: Metric = UNIT
    noise: float | None = None

    exact: ClassVar[bool] = False
    compares: ClassVar[bool] = False
    parameters: ClassVar[dict[str, Constraint]] = {
        "step_size": StepSize(),
        "metric": OneOf(Metric),
        "noise": Real(0, none=True),
    }

    def init(self, energy_fn: EnergyFunction, y: Tensor) -> State:
        check_steps(self.step_size, y, "Langevin")
        return start(energy_fn, y, "Langevin", gradient=True)

    def step(
        self, energy_fn: EnergyFunction, state: State, generator: torch.Generator
    ) -> tuple[State, Info]:
        assert state.grad is not None
        step = step_for(self.step_size, state.y)
        spread = (2 * step) ** 0.5
        noise = self.metric.root(normal(state.y, generator))
        y = state.y.clone()
        add_scaled(y, noise, spread if self.noise is None else self.noise)
        self.metric.drift(y, state.grad, -step)
        energy, grad = value_and_gradient(energy_fn, y)
        # one sum is not finite if any of its terms is not
        finite = (energy + sum_of(grad)).isfinite()
        info = Info(finite, finite.to(energy), ~finite, 1)
        return choose(finite, State(y, energy, grad), state), info


@dataclasses.dataclass(frozen=True, eq=False)
class MALA(Adaptive):
    r"""Metropolis-adjusted Langevin: the Langevin step as a proposal.

    .. math::
        y' = y - \eta \Sigma \nabla F(y) + \sqrt{2 \eta} A \xi, \qquad
        \alpha = \min\Big(1, e^{F(y) - F(y')} \frac{q(y | y')}{q(y' | y)}\Big)

    It is computed as one leapfrog step of length sqrt(2 eta), which is the same proposal: the
    difference of kinetic energies is the logarithm of the ratio of the q.

    Parameters
    ----------
    step_size : float or Tensor, default 0.1
        eta. Warm-up brings the acceptance to 0.574.
    metric : Metric, default Unit()
        Sigma.

    References
    ----------
    Roberts, Rosenthal, "Optimal scaling of discrete approximations to Langevin diffusions" (1998).
    """

    target: ClassVar[float] = 0.574

    def step(
        self, energy_fn: EnergyFunction, state: State, generator: torch.Generator
    ) -> tuple[State, Info]:
        length = (2 * self.step_for(state.y)) ** 0.5
        return transition(energy_fn, self.metric, state, length, 1, generator)
