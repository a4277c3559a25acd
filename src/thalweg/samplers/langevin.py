"""Langevin dynamics: down the gradient, with noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from thalweg.core import (
    Constraint,
    Energy,
    EnergyFunction,
    OneOf,
    Real,
    value_and_gradient,
)
from thalweg.core.compiled import CompiledNetwork
from thalweg.samplers.adaptive import Adaptive, StepSize, check_steps, step_for
from thalweg.samplers.base import Info, Sampler, State, choose, start
from thalweg.samplers.leapfrog import transition
from thalweg.samplers.metric import UNIT, Metric, Unit, add_scaled
from thalweg.samplers.native import in_a_row
from thalweg.samplers.noise import key_of, normal, stream_of, sum_of

AT_ONCE = 1 << 20
"""Numbers of noise that are drawn at once"""


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
        network = self._network(energy_fn, state)
        if network is not None:
            return self._by_network(*network, state, 1, generator)[0]
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

    def steps(
        self, energy_fn: EnergyFunction, state: State, n_steps: int, generator: torch.Generator
    ) -> Iterator[tuple[State, Info]]:
        while n_steps and (network := self._network(energy_fn, state)) is not None:
            # the noise of many steps is a table
            most = min(n_steps, max(1, AT_ONCE // state.y.numel()))
            some = self._by_network(*network, state, most, generator)
            yield from some
            state, n_steps = some[-1][0], n_steps - most
        yield from super().steps(energy_fn, state, n_steps, generator)

    def _network(
        self, energy_fn: EnergyFunction, state: State
    ) -> tuple[CompiledNetwork, float] | None:
        """What compiled loops can walk down: a network, where chains have no metric."""
        if not isinstance(energy_fn, Energy) or state.energy.dtype != state.y.dtype:
            return None
        return energy_fn.as_network(state.y) if isinstance(self.metric, Unit) else None

    def _by_network(
        self, network: CompiledNetwork, stiffness: float, state: State, n_steps: int,
        generator: torch.Generator,
    ) -> list[tuple[State, Info]]:  # fmt: skip
        """Some steps, as :meth:`step` has them."""
        from thalweg.kernels.network_chains import langevin  # compiled: slow to import
        from thalweg.kernels.threads import over_blocks

        assert state.grad is not None
        like, n = state.y, len(state.y)
        step = torch.as_tensor(step_for(self.step_size, like), dtype=like.dtype).flatten()
        spread = (2 * step) ** 0.5 if self.noise is None else torch.full_like(step, self.noise)
        size = like.numel()
        noise = np.stack(
            [stream_of(key_of(generator), size, network.like.dtype) for _ in range(n_steps)]
        )
        y, grad = (like.new_empty(n_steps, *like.shape) for _ in range(2))
        energy = like.new_empty(n_steps, n)
        finite = torch.empty(n_steps, n, dtype=torch.bool)
        begin = (in_a_row(each, like).numpy().reshape(-1) for each in (
            step.expand(n), spread.expand(n), state.y, state.energy, state.grad
        ))  # fmt: skip
        how = (*network, stiffness, *begin, noise, y.numpy().reshape(n_steps, size),
               energy.numpy(), grad.numpy().reshape(n_steps, size), finite.numpy())  # fmt: skip
        over_blocks(lambda a, b: langevin(*how, a, b), n, network.rows_of_a_block)
        each = zip(y, energy, grad, finite, strict=True)
        return [(State(*at), Info(fine, fine.to(like), ~fine, 1)) for *at, fine in each]


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
