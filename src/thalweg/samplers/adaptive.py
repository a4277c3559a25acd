"""Samplers with a step size and a metric, which a warm-up chooses."""

from __future__ import annotations

import dataclasses
import math
import numbers
from abc import ABC
from typing import Any, ClassVar, Self, TypeVar

import torch
from torch import Tensor

from thalweg.core import Constraint, EnergyFunction, InputError, OneOf
from thalweg.samplers.base import Follow, Info, Sampler, State, start, unwatched
from thalweg.samplers.estimate import metric_from
from thalweg.samplers.metric import UNIT, Metric
from thalweg.samplers.noise import per_chain

PENALTY = 10.0
"""Rejections that a divergence counts for when the step size is chosen."""

MOST_KEPT = 4096
"""Rows of a window that the metric is estimated from."""


@dataclasses.dataclass(frozen=True)
class StepSize(Constraint):
    """A number above 0, or a tensor with one for each chain."""

    def allows(self, value: Any) -> bool:
        if isinstance(value, Tensor):
            right = value.dim() == 1 and value.is_floating_point()
            return right and bool(((value > 0) & value.isfinite()).all())
        is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
        return is_real and 0 < float(value) < math.inf

    def describe(self) -> str:
        return "a number above 0, or a tensor of them with one for each chain"

    def violations(self) -> list[Any]:
        return [0.0, -1.0, math.inf, math.nan, "a word", None, torch.ones(2, 2),
                torch.tensor([1.0, -1.0]), torch.tensor([1.0, math.nan])]  # fmt: skip


def step_for(step_size: float | Tensor, y: Tensor) -> float | Tensor:
    """A step size, shaped to broadcast against y."""
    return per_chain(step_size.to(y), y) if isinstance(step_size, Tensor) else step_size


def check_steps(step_size: float | Tensor, y: Tensor, owner: str) -> None:
    """Where each chain has a step size of its own there are as many."""
    if isinstance(step_size, Tensor) and len(step_size) != len(y):
        raise InputError(
            f"{owner}: step_size has {len(step_size)} numbers for {len(y)} chains; expected one "
            "for each"
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Adaptive(Sampler, ABC):
    """A sampler whose step size and metric its warm-up chooses.

    Parameters
    ----------
    step_size : float or Tensor, default 0.1
        For all chains, or (n,), one for each.
    metric : Metric, default Unit()
        An estimate of the covariance.
    """

    step_size: float | Tensor = 0.1
    metric: Metric = UNIT

    target: ClassVar[float]
    """The mean acceptance that warm-up brings about"""

    uses_gradient: ClassVar[bool] = True

    parameters: ClassVar[dict[str, Constraint]] = {
        "step_size": StepSize(),
        "metric": OneOf(Metric),
    }

    def init(self, energy_fn: EnergyFunction, y: Tensor) -> State:
        check_steps(self.step_size, y, type(self).__name__)
        return start(energy_fn, y, type(self).__name__, self.uses_gradient)

    def of_one_step(self) -> Self:
        """The same sampler with steps as short as they come, to find a step size with."""
        return self

    def step_for(self, y: Tensor) -> float | Tensor:
        """The step size, shaped to broadcast against y."""
        return step_for(self.step_size, y)

    def warm_up(
        self,
        energy_fn: EnergyFunction,
        state: State,
        n_steps: int,
        generator: torch.Generator,
        follow: Follow = unwatched,
    ) -> tuple[Self, State]:
        return adapt(self, energy_fn, state, n_steps, generator, follow)


S = TypeVar("S", bound=Adaptive)


@dataclasses.dataclass
class DualAveraging:
    """Step sizes that bring the mean acceptance to a target; numbers or one for each rung.

    References
    ----------
    Hoffman, Gelman, "The No-U-turn sampler" (2014), section 3.2.
    """

    log_step: Tensor
    target: float
    factor: float = 10.0
    """Sizes are drawn to this many times the first one: large ones are tried early"""

    def __post_init__(self) -> None:
        self.shrunk_to = self.log_step + math.log(self.factor)
        self.log_mean = self.log_step.clone()
        self.error = torch.zeros_like(self.log_step)
        self.count = 0

    def update(self, acceptance: Tensor) -> None:
        """Learn from the mean acceptance of a step."""
        self.count += 1
        share = 1 / (self.count + 10)
        self.error = (1 - share) * self.error + share * (self.target - acceptance.double().cpu())
        self.log_step = self.shrunk_to - math.sqrt(self.count) / 0.05 * self.error
        weight = self.count**-0.75
        self.log_mean = weight * self.log_step + (1 - weight) * self.log_mean


def windows(n_steps: int) -> tuple[int, list[int]]:
    """Steps before the first window, and those that each ends with: they double, as in Stan.

    After each the metric is estimated anew.
    """
    first, last = max(n_steps * 15 // 100, 10), n_steps - n_steps // 5
    ends, width = [], max(n_steps // 20, 10)
    end = first + width
    while end <= last:
        width *= 2
        # a last window that is too short for its successor reaches to the end
        ends.append(last if end + width > last else end)
        if ends[-1] == last:
            break
        end += width
    return first, ends


def adapt(
    sampler: S,
    energy_fn: EnergyFunction,
    state: State,
    n_steps: int,
    generator: torch.Generator,
    follow: Follow,
) -> tuple[S, State]:
    """Choose the step size and the metric, while the chains walk to where the density is."""
    if n_steps < 1:
        return sampler, state
    state = _with_the_hopeless_brought_back(state, generator)
    sampler = reasonable_step(sampler, energy_fn, state, generator)
    averaging = averaging_for(sampler)
    begun, ends = windows(n_steps)
    kept: list[State] = []
    for i in range(1, n_steps + 1):
        state, info = sampler.step(energy_fn, state, generator)
        averaging.update(credit(info))
        sampler = sampler.tuned(step_size=float(averaging.log_step.exp()))
        if i > begun:
            kept.append(state)
        if i == begun or i in ends:
            state = _with_the_lost_brought_back(state, generator)
        if i in ends:
            sampler = sampler.tuned(metric=metric_from(kept, MOST_KEPT))
            kept.clear()
            sampler = reasonable_step(sampler, energy_fn, state, generator)
            averaging = averaging_for(sampler)
        follow()
    return sampler.tuned(step_size=float(averaging.log_mean.exp())), state


def _with_the_lost_brought_back(state: State, generator: torch.Generator) -> State:
    """Chains on a plateau far above the others take the place of one that is not.

    A part of space whose energy is higher by 20 + 5 d counts for nothing, unless it is wider by
    more than e^5 in every direction; a chain that began there may not leave it within a warm-up,
    and would spoil what is learned from all chains.
    """
    return _in_place_of(state.energy > state.energy.min() + _plateau(state), state, generator)


def _with_the_hopeless_brought_back(state: State, generator: torch.Generator) -> State:
    """The same before any step, for chains whose energy is so large that rounding hides a plateau.

    No step of theirs, however short, is told from one that leads up.
    """
    rounding = torch.finfo(state.energy.dtype).eps * state.energy.abs()
    hopeless = rounding > _plateau(state)
    if not bool(hopeless.any()) or bool(hopeless.all()):
        return state
    return _in_place_of(hopeless, state, generator)


def _plateau(state: State) -> int:
    """How much higher an energy is where no mass can be."""
    return 20 + 5 * state.y[0].numel()


def _in_place_of(lost: Tensor, state: State, generator: torch.Generator) -> State:
    """Chains that are lost (n,) where one is that is not, chosen at random."""
    good = (~lost).nonzero()[:, 0]
    pick = torch.randint(len(good), (len(lost),), generator=generator, device=generator.device)
    source = torch.where(lost, good[pick.to(good.device)], torch.arange(len(lost)).to(good.device))
    grad = None if state.grad is None else state.grad[source]
    return State(state.y[source], state.energy[source], grad)


def adapt_step(
    sampler: S,
    energy_fn: EnergyFunction,
    state: State,
    n_steps: int,
    generator: torch.Generator,
    follow: Follow,
) -> tuple[S, State]:
    """Choose the step size alone, from near the one that there is."""
    averaging = averaging_for(sampler, factor=1.0)
    for _ in range(n_steps):
        state, info = sampler.step(energy_fn, state, generator)
        averaging.update(credit(info))
        sampler = sampler.tuned(step_size=float(averaging.log_step.exp()))
        follow()
    return sampler.tuned(step_size=float(averaging.log_mean.exp())), state


def credit(info: Info) -> Tensor:
    """The mean acceptance, in which a step that diverged counts as many rejections: ()."""
    rejected = PENALTY * info.diverged.to(info.acceptance).mean()
    return (info.acceptance.mean() - rejected).clamp(min=0)


def averaging_for(sampler: Adaptive, factor: float = 10.0) -> DualAveraging:
    """Dual averaging from the sampler's step size on."""
    step = torch.tensor(mean_step(sampler), dtype=torch.float64)
    return DualAveraging(step.log(), sampler.target, factor)


def reasonable_step(
    sampler: S, energy_fn: EnergyFunction, state: State, generator: torch.Generator
) -> S:
    """Double or halve the step size until the acceptance of one step crosses its target."""
    step = mean_step(sampler)
    single = sampler.of_one_step()
    grows: bool | None = None
    for _ in range(60):
        _, info = single.tuned(step_size=step).step(energy_fn, state, generator)
        good = bool(info.acceptance.mean() > sampler.target)
        if grows is not None and good != grows:
            return sampler.tuned(step_size=step)
        grows = good
        step *= 2 if good else 0.5
    raise InputError(
        f"{type(sampler).__name__}: no step size is right: "
        + ("steps of any length are accepted; is the energy flat, or its integral infinite?"
           if grows else "not even the shortest steps are accepted; is the energy finite, and "
           "smooth, around where the chains are?")
    )  # fmt: skip


def mean_step(sampler: Adaptive) -> float:
    """The step size, or the mean of those of the chains."""
    return float(torch.as_tensor(sampler.step_size, dtype=torch.float64).mean())
