"""Parallel tempering: replicas at higher temperatures that trade places."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from thalweg.core import Constraint, EnergyFunction, InputError
from thalweg.samplers.adaptive import Adaptive, DualAveraging
from thalweg.samplers.base import Follow, Info, Sampler, State, unwatched
from thalweg.samplers.bridge import Bridge
from thalweg.samplers.gibbs import BlockGibbs
from thalweg.samplers.langevin import Langevin
from thalweg.samplers.noise import per_chain, uniform


@dataclasses.dataclass(frozen=True)
class Ladder(Constraint):
    """Inverse temperatures from 1 down, each below the one before and above 0."""

    def allows(self, value: Any) -> bool:
        if not isinstance(value, tuple) or len(value) < 2:
            return False
        if not all(isinstance(beta, float) and beta > 0 for beta in value):
            return False
        return value[0] == 1 and all(a > b for a, b in itertools.pairwise(value))

    def describe(self) -> str:
        return "a tuple of two or more inverse temperatures, from 1.0 down to one above 0"

    def violations(self) -> list[Any]:
        return [(1.0,), (0.5, 0.1), (1.0, 1.0), (1.0, 0.0), (1.0, -0.5), "a word", None, 3]


@dataclasses.dataclass(frozen=True)
class Inner(Constraint):
    """A sampler that steps on any energy function."""

    def allows(self, value: Any) -> bool:
        wrong = (ParallelTempering, BlockGibbs)
        return isinstance(value, Sampler) and not isinstance(value, wrong)

    def describe(self) -> str:
        return "a Sampler of one temperature, and not BlockGibbs, which needs the energy itself"

    def violations(self) -> list[Any]:
        return [None, 3, "a word", BlockGibbs(), ParallelTempering(Langevin())]


@dataclasses.dataclass(frozen=True, eq=False)
class ParallelTempering(Sampler):
    r"""Replicas of each chain at inverse temperatures beta_1 = 1 > beta_2 > ... that trade places.

    Every replica takes a step of ``inner`` at its own temperature; then neighbours are swapped, the
    pairs that begin at an even rung first and then the others, with probability

    .. math::
        \alpha = \min\big(1, e^{(\beta_j - \beta_{j+1}) (F(y_j) - F(y_{j+1}))}\big)

    Hot replicas cross barriers, and what they find comes down the ladder. A state's y is
    ``(n, rungs, *shape)`` and its energy (n, rungs), F at temperature 1; the chain is rung 0.

    Parameters
    ----------
    inner : Sampler
        A step of one temperature. With a step size for each rung (a tensor), the hot ones go
        further; warm-up sees to that.
    betas : tuple of float, default (1.0, 0.5, 0.25, 0.125, 0.0625)
        Warm-up moves all but the first and the last so that all pairs are swapped equally often.

    References
    ----------
    Geyer, "Markov chain Monte Carlo maximum likelihood" (1991). Syed, Bouchard-Côté, Deligiannidis,
    Doucet, "Non-reversible parallel tempering" (2022): the order of swaps, and the ladder.
    """

    inner: Sampler
    betas: tuple[float, ...] = (1.0, 0.5, 0.25, 0.125, 0.0625)

    parameters: ClassVar[dict[str, Constraint]] = {"inner": Inner(), "betas": Ladder()}

    def __post_init__(self) -> None:
        super().__post_init__()
        step = self._steps()
        if step is not None and len(step) != len(self.betas):
            raise InputError(
                f"ParallelTempering: inner has {len(step)} step sizes; expected "
                f"{len(self.betas)}, one for each rung"
            )

    def init(self, energy_fn: EnergyFunction, y: Tensor) -> State:
        # for one temperature any step size will do: none is taken
        single = self.inner if self._steps() is None else self.inner.tuned(step_size=1.0)
        state = single.init(energy_fn, y)
        k = len(self.betas)
        return State(
            state.y[:, None].repeat(1, k, *[1] * (y.dim() - 1)),
            state.energy[:, None].repeat(1, k),
            None if state.grad is None
            else state.grad[:, None].repeat(1, k, *[1] * (y.dim() - 1)),
        )  # fmt: skip

    def position(self, state: State) -> Tensor:
        return state.y[:, 0]

    def step(
        self, energy_fn: EnergyFunction, state: State, generator: torch.Generator
    ) -> tuple[State, Info]:
        state, info = self.move(energy_fn, state, generator)
        state, _ = self.swap(state, generator)
        cold = Info(
            info.accepted[:, 0], info.acceptance[:, 0], info.diverged.any(dim=1),
            info.gradients * len(self.betas),
        )  # fmt: skip
        return state, cold

    def move(
        self, energy_fn: EnergyFunction, state: State, generator: torch.Generator
    ) -> tuple[State, Info]:
        """A step of every replica; what the info tells is (n, rungs)."""
        n, k = state.energy.shape
        betas = self._betas(state.energy).repeat(n)
        flat = State(
            state.y.flatten(0, 1), state.energy.flatten() * betas,
            None if state.grad is None
            else state.grad.flatten(0, 1) * per_chain(betas, state.y.flatten(0, 1)),
        )  # fmt: skip
        after, info = self._for_replicas(n).step(Bridge(energy_fn, betas), flat, generator)
        shape = state.y.shape
        moved = State(
            after.y.view(shape), (after.energy / betas).view(n, k),
            None if after.grad is None else (after.grad / per_chain(betas, after.y)).view(shape),
        )  # fmt: skip
        return moved, Info(
            info.accepted.view(n, k), info.acceptance.view(n, k), info.diverged.view(n, k),
            info.gradients,
        )  # fmt: skip

    def swap(self, state: State, generator: torch.Generator) -> tuple[State, Tensor]:
        """Neighbours trade places; also the probability for each pair, (n, rungs - 1)."""
        n, k = state.energy.shape
        rungs = torch.arange(k, device=state.y.device).expand(n, k)
        energy, origin, rates = state.energy, rungs, []
        for first in (0, 1):
            rate, order = self._swap_pairs(energy, rungs.clone(), first, generator)
            energy, origin = energy.gather(1, order), origin.gather(1, order)
            rates.append(rate)
        every = torch.empty_like(state.energy[:, 1:])
        every[:, 0::2], every[:, 1::2] = rates
        # replicas that trade places move once, wherever two rounds of swaps take them
        replica = (origin + k * torch.arange(n, device=origin.device)[:, None]).flatten()
        y, grad = (
            None if each is None else each.flatten(0, 1)[replica].view(each.shape)
            for each in (state.y, state.grad)
        )
        assert y is not None
        return State(y, energy, grad), every

    def _swap_pairs(
        self, energy: Tensor, rungs: Tensor, first: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Pairs (first, first + 1), (first + 2, first + 3), ...: rates, and who comes where."""
        k = len(self.betas)
        low, high = slice(first, k - 1, 2), slice(first + 1, k, 2)
        betas = self._betas(energy)
        gap = betas[low] - betas[high]
        rate = (gap * (energy[:, low] - energy[:, high])).clamp(max=0).exp()
        swapped = uniform(rate, generator) < rate
        rungs[:, low] += swapped
        rungs[:, high] -= swapped.long()
        return rate, rungs

    def warm_up(
        self,
        energy_fn: EnergyFunction,
        state: State,
        n_steps: int,
        generator: torch.Generator,
        follow: Follow = unwatched,
    ) -> tuple[Self, State]:
        """The inner sampler at temperature 1; then step sizes of the rungs, and the ladder.

        The ladder is chosen anew after rounds that double, for equal swap rates.
        """
        first = n_steps // 4
        inner, cold = self.inner.warm_up(energy_fn, self._cold(state), first, generator, follow)
        sampler = self.tuned(inner=inner)
        state, n_steps = sampler._with_cold(state, cold), n_steps - first
        averaging = sampler._averaging()
        round_ends = [n_steps // 8, n_steps // 4, n_steps // 2]
        rejected = torch.zeros(len(self.betas) - 1, dtype=torch.float64)
        count = 0
        for i in range(1, n_steps + 1):
            state, info = sampler.move(energy_fn, state, generator)
            state, rates = sampler.swap(state, generator)
            rejected += 1 - rates.double().mean(dim=0).cpu()
            count += 1
            if averaging is not None:
                averaging.update(info.acceptance.mean(dim=0))
                sampler = sampler._with_steps(averaging.log_step)
            if i in round_ends:
                sampler = sampler.tuned(betas=equal_ladder(sampler.betas, rejected / count))
                rejected.zero_()
                count = 0
            follow()
        if averaging is not None:
            sampler = sampler._with_steps(averaging.log_mean)
        return sampler, state

    def _averaging(self) -> DualAveraging | None:
        if not isinstance(self.inner, Adaptive):
            return None
        step = torch.as_tensor(self.inner.step_size, dtype=torch.float64).mean()
        hotter = torch.tensor(self.betas, dtype=torch.float64) ** -0.5
        return DualAveraging((step * hotter).log(), self.inner.target, factor=1.0)

    @staticmethod
    def _cold(state: State) -> State:
        return State(
            state.y[:, 0], state.energy[:, 0], None if state.grad is None else state.grad[:, 0]
        )

    @staticmethod
    def _with_cold(state: State, cold: State) -> State:
        """The same replicas, but for those at temperature 1."""

        def joined(old: Tensor, new: Tensor) -> Tensor:
            return torch.cat([new[:, None], old[:, 1:]], dim=1)

        grad = None
        if state.grad is not None and cold.grad is not None:
            grad = joined(state.grad, cold.grad)
        return State(joined(state.y, cold.y), joined(state.energy, cold.energy), grad)

    def _with_steps(self, log_step: Tensor) -> Self:
        return self.tuned(inner=self.inner.tuned(step_size=log_step.exp()))

    def _for_replicas(self, n: int) -> Sampler:
        """The inner sampler, with the step sizes of its rungs for n times that many replicas."""
        step = self._steps()
        return self.inner if step is None else self.inner.tuned(step_size=step.repeat(n))

    def _steps(self) -> Tensor | None:
        """The step sizes of the rungs, (rungs,), where each has its own."""
        if not isinstance(self.inner, (Adaptive, Langevin)):
            return None
        return self.inner.step_size if isinstance(self.inner.step_size, Tensor) else None

    def _betas(self, like: Tensor) -> Tensor:
        return torch.tensor(self.betas, dtype=like.dtype, device=like.device)


def equal_ladder(betas: tuple[float, ...], rejected: Tensor) -> tuple[float, ...]:
    r"""The ladder with the same ends on which all neighbours are swapped equally often.

    The rejections of the pairs add up along the ladder to a barrier, which does not depend on the
    rungs; rungs at equal distances along it have equal rates.

    Parameters
    ----------
    betas : tuple of float
    rejected : Tensor
        (rungs - 1,), share of swaps rejected on this ladder.
    """
    barrier = np.concatenate([[0.0], np.cumsum(rejected.numpy() + 1e-3)])
    places = np.linspace(0, barrier[-1], len(betas))[1:-1]
    # the barrier grows with the logarithm of beta more evenly than with beta
    inner = np.exp(np.interp(places, barrier, np.log(betas)))
    return (betas[0], *(float(beta) for beta in inner), betas[-1])
