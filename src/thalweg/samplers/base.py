"""What a sampler is: settings that do not change, a state, and a step."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from thalweg.core import (
    Constraint,
    Energy,
    EnergyFunction,
    InputError,
    check_parameters,
    value,
    value_and_gradient,
)
from thalweg.samplers.native import in_a_row, is_native, kernels
from thalweg.samplers.noise import key_of, per_chain, uniform

Follow = Callable[[], None]
"""Called after each step of something long."""


def unwatched() -> None:
    """Nobody follows."""


class State(NamedTuple):
    """What the next step of n chains needs, and nothing else."""

    y: Tensor
    """``(n, *shape)``"""
    energy: Tensor
    """(n,)"""
    grad: Tensor | None
    """``(n, *shape)``, or None for a sampler that takes no gradients"""


class Info(NamedTuple):
    """What a diagnostic needs of a step; it is never carried to the next."""

    accepted: Tensor
    """(n,), bool: whether the chain moved to what was proposed"""
    acceptance: Tensor
    """(n,), the probability with which it was to be accepted"""
    diverged: Tensor
    """(n,), bool: the proposal had no finite energy or gradient, or was far above where it began"""
    gradients: float | Tensor
    """gradients taken by each chain in this step; (), the mean over chains, where they differ"""


@dataclasses.dataclass(frozen=True, eq=False)
class Settings:
    """What does not change once it is made, and is checked when it is."""

    parameters: ClassVar[dict[str, Constraint]] = {}
    """What each setting may be"""

    def __post_init__(self) -> None:
        names = {field.name for field in dataclasses.fields(self)}
        if unchecked := names - set(self.parameters):
            raise TypeError(
                f"{type(self).__name__}: no constraint for {', '.join(sorted(unchecked))}; "
                "expected one in parameters for each setting"
            )
        values = {name: getattr(self, name) for name in self.parameters}
        for name, plain in check_parameters(type(self).__name__, values, self.parameters).items():
            object.__setattr__(self, name, plain)

    def tuned(self, **settings: Any) -> Self:
        """The same with other settings."""
        return dataclasses.replace(self, **settings)


@dataclasses.dataclass(frozen=True, eq=False)
class Sampler(Settings, ABC):
    """A step that leaves the density proportional to exp(-F) as it is.

    Settings are frozen and nothing is remembered between steps: a chain is its :class:`State` and
    the generator. All n chains take a step together; none sees another.
    """

    space: ClassVar[str] = "real"
    """What it moves: "real", "binary" or "any" numbers"""

    exact: ClassVar[bool] = True
    """Whether its steps leave the density as it is, and not only nearly so"""

    compares: ClassVar[bool] = True
    """Whether differences of energies decide what its steps do"""

    @abstractmethod
    def init(self, energy_fn: EnergyFunction, y: Tensor) -> State:
        """The state of n chains that start at y ``(n, *shape)``.

        Raises
        ------
        InputError
            If a chain starts where the energy or its gradient is not finite; it is named.
        """

    @abstractmethod
    def step(
        self, energy_fn: EnergyFunction, state: State, generator: torch.Generator
    ) -> tuple[State, Info]:
        """One step of every chain."""

    def steps(
        self, energy_fn: EnergyFunction, state: State, n_steps: int, generator: torch.Generator
    ) -> Iterator[tuple[State, Info]]:
        """The state after each of some steps of every chain, and what a diagnostic needs of it."""
        for _ in range(n_steps):
            state, info = self.step(energy_fn, state, generator)
            yield state, info

    def position(self, state: State) -> Tensor:
        """Where the chains are: ``(n, *shape)``."""
        return state.y

    def warm_up(
        self,
        energy_fn: EnergyFunction,
        state: State,
        n_steps: int,
        generator: torch.Generator,
        follow: Follow = unwatched,
    ) -> tuple[Self, State]:
        """Walk to where the density is, and choose settings: a new sampler, frozen again."""
        for _ in range(n_steps):
            state, _ = self.step(energy_fn, state, generator)
            follow()
        return self, state


def start(
    energy_fn: EnergyFunction, y: Tensor, owner: str, gradient: bool, space: str = "real"
) -> State:
    """The state at y, where every chain's energy (and gradient) is finite."""
    if isinstance(energy_fn, Energy) and space not in (energy_fn.space, "any"):
        raise InputError(
            f"{owner}: it moves {space} numbers, and {type(energy_fn).__name__} is an energy of "
            f"{energy_fn.space} ones; expected BlockGibbs or GibbsWithGradients for binary ones"
        )
    if not y.is_floating_point() or y.dim() < 2:
        raise InputError(
            f"{owner}: the start has type {y.dtype} and shape {tuple(y.shape)}; expected floating "
            "point numbers (n, *shape), a row for each chain"
        )
    grad = None
    if gradient:
        energy, grad = value_and_gradient(energy_fn, y)
    else:
        energy = value(energy_fn, y)
    if energy.shape != y.shape[:1]:
        raise InputError(
            f"{owner}: the energy of {len(y)} chains has shape {tuple(energy.shape)}; "
            f"expected ({len(y)},), one number a chain"
        )
    check_finite(energy, grad, owner)
    return State(y.detach().clone(), energy, grad)


def check_finite(energy: Tensor, grad: Tensor | None, owner: str) -> None:
    """Every chain starts where its energy (n,), and its gradient if one is given, is finite."""
    finite = energy.isfinite()
    if grad is not None:
        finite &= grad.flatten(1).isfinite().all(dim=1)
    if not bool(finite.all()):
        chain = int((~finite).nonzero()[0, 0])
        what = "gradient" if bool(energy[chain].isfinite()) else "energy"
        raise InputError(
            f"{owner}: chain {chain} starts where the {what} is not finite "
            f"(energy {float(energy[chain]):g}); expected a start with a finite {what}"
        )


def metropolis(
    state: State,
    proposal: State,
    log_ratio: Tensor,
    generator: torch.Generator,
    gradients: int = 0,
    largest_rise: float = torch.inf,
) -> tuple[State, Info]:
    r"""Move each chain to its proposal with probability min(1, exp(log_ratio)), else stay.

    .. math::
        \log r = F(y) - F(y') + \log q(y | y') - \log q(y' | y)

    A ratio that is not a number, or is not finite, is a rejection and is flagged; so is one below
    ``-largest_rise``, which means that an integrator has lost its way.
    """
    if is_native(proposal.y, proposal.energy):
        return _settled(state, proposal, log_ratio, generator, gradients, largest_rise)
    # a number that is not one compares as false
    bad = ~((log_ratio > -largest_rise) & (log_ratio < torch.inf))
    acceptance = log_ratio.masked_fill(bad, -torch.inf).exp().clamp_(max=1)
    accepted = uniform(acceptance, generator) < acceptance
    return choose(accepted, proposal, state), Info(accepted, acceptance, bad, gradients)


def _settled(
    state: State,
    proposal: State,
    log_ratio: Tensor,
    generator: torch.Generator,
    gradients: int,
    largest_rise: float,
) -> tuple[State, Info]:
    """As :func:`metropolis` goes on, by one loop in place of a dozen calls."""
    y, other_y = in_a_row(state.y, proposal.y), in_a_row(proposal.y, proposal.y)
    energy, other_energy = in_a_row(state.energy, y), in_a_row(proposal.energy, y)
    ratio, n = in_a_row(log_ratio, y), len(y)
    new_y, new_energy, chances = y.new_empty(y.shape), y.new_empty(n), y.new_empty(n)
    accepted, bad = torch.empty(n, dtype=torch.bool), torch.empty(n, dtype=torch.bool)
    grad = other_grad = new_grad = None
    slopes = 0, 0, 0
    if state.grad is not None and proposal.grad is not None:
        grad, other_grad = in_a_row(state.grad, y), in_a_row(proposal.grad, y)
        new_grad = y.new_empty(y.shape)
        slopes = grad.data_ptr(), other_grad.data_ptr(), new_grad.data_ptr()
    kernels(y.element_size())["settle"](
        key_of(generator), n, y.numel() // n, largest_rise, ratio.data_ptr(),
        y.data_ptr(), energy.data_ptr(), slopes[0],
        other_y.data_ptr(), other_energy.data_ptr(), slopes[1],
        new_y.data_ptr(), new_energy.data_ptr(), slopes[2],
        chances.data_ptr(), accepted.data_ptr(), bad.data_ptr(),
    )  # fmt: skip
    return State(new_y, new_energy, new_grad), Info(accepted, chances, bad, gradients)


def choose(first: Tensor, one: State, other: State) -> State:
    """Each chain's state from ``one`` where ``first`` (n,) is true, else from ``other``."""
    wide = per_chain(first, one.y)
    grad = None
    if one.grad is not None and other.grad is not None:
        grad = torch.where(wide, one.grad, other.grad)
    return State(
        torch.where(wide, one.y, other.y), torch.where(first, one.energy, other.energy), grad
    )
