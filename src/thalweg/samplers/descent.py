"""Down the energy instead of around it: the limit of beta infinite, in the same form."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from thalweg.core import (
    Constraint,
    EnergyFunction,
    Integer,
    Real,
    value_and_gradient,
)
from thalweg.samplers.base import Info, Settings, check_finite
from thalweg.samplers.noise import inner, per_chain, sum_of

ENOUGH = 1e-4
"""The share of the decrease that the slope promises which a step has to bring (Armijo)."""


class Descending(NamedTuple):
    """What the next step down of n rows needs."""

    y: Tensor
    """``(n, *shape)``"""
    energy: Tensor
    """(n,)"""
    grad: Tensor
    """``(n, *shape)``"""
    rate: Tensor
    """(n,), the next step size of each row"""
    memory: tuple[Tensor, ...]
    """what a method remembers of its past, rows first"""


@dataclasses.dataclass(frozen=True, eq=False)
class Minimizer(Settings, ABC):
    """A step down the energy of every row at its own pace; no row's energy ever rises.

    A row that did not find a lower energy stays and tries a shorter step. Settings are frozen, and
    all that a row remembers is in its state, as for samplers.
    """

    def init(self, energy_fn: EnergyFunction, y: Tensor) -> Descending:
        """The state of rows that start at y ``(n, *shape)``."""
        energy, grad = value_and_gradient(energy_fn, y)
        # a gradient that is not finite, as at some kinks, only holds its row where it is
        check_finite(energy, None, type(self).__name__)
        # half the gradient is the whole way for a squared distance
        rate = torch.full_like(energy, 0.5)
        return Descending(y.detach().clone(), energy, grad, rate, self._remember(y))

    def reach(self, state: Descending) -> Tensor:
        """How far the next step of each row is to go: (n,)."""
        return state.rate * self._move(state).flatten(1).norm(dim=1)

    @staticmethod
    def kept(moving: Tensor, after: Descending, before: Descending) -> Descending:
        """The rows that are ``moving`` (n,) as they are after a step, the others as before."""
        wide = per_chain(moving, after.y)
        return after._replace(
            y=torch.where(wide, after.y, before.y),
            energy=torch.where(moving, after.energy, before.energy),
            grad=torch.where(wide, after.grad, before.grad),
        )

    @staticmethod
    def taking(state: Descending, rows: Tensor) -> Descending:
        """Some of the rows, by their positions."""
        y, energy, grad, rate = (each[rows] for each in state[:4])
        return Descending(y, energy, grad, rate, tuple(each[rows] for each in state.memory))

    def step(self, energy_fn: EnergyFunction, state: Descending) -> tuple[Descending, Info]:
        """One step of every row."""
        move = self._move(state)
        slope = inner(move, state.grad)
        # what does not lead down is replaced by the gradient
        wrong = per_chain(~(slope < 0), move)
        move = torch.where(wrong, -state.grad, move)
        slope = torch.where(slope < 0, slope, -inner(state.grad, state.grad))
        y = state.y + per_chain(state.rate, move) * move
        energy, grad = value_and_gradient(energy_fn, y)
        finite = (energy + sum_of(grad)).isfinite()
        better = finite & (energy <= state.energy + ENOUGH * state.rate * slope)
        wide = per_chain(better, y)
        after = Descending(
            torch.where(wide, y, state.y),
            torch.where(better, energy, state.energy),
            torch.where(wide, grad, state.grad),
            torch.where(better, self._longer(state.rate), state.rate / 2),
            state.memory,
        )
        after = after._replace(memory=self._learn(state, after, better))
        return after, Info(better, better.to(energy), ~finite, 1)

    @abstractmethod
    def _move(self, state: Descending) -> Tensor:
        """The direction and length of a step of rate 1: ``(n, *shape)``."""

    def _remember(self, y: Tensor) -> tuple[Tensor, ...]:
        """An empty memory."""
        return ()

    def _learn(self, before: Descending, after: Descending, better: Tensor) -> tuple[Tensor, ...]:
        """The memory after a step."""
        return after.memory

    def _longer(self, rate: Tensor) -> Tensor:
        """The rate after a step that was good."""
        return 2 * rate


@dataclasses.dataclass(frozen=True, eq=False)
class GradientDescent(Minimizer):
    r"""Down the gradient, with a step size for each row.

    .. math::
        y' = y - \eta \nabla F(y)

    eta doubles after a step that lowered the energy enough and halves after one that did not.

    References
    ----------
    Armijo, "Minimization of functions having Lipschitz continuous first partial derivatives"
    (1966).
    """

    def _move(self, state: Descending) -> Tensor:
        return -state.grad


@dataclasses.dataclass(frozen=True, eq=False)
class Nesterov(Minimizer):
    r"""The gradient with momentum.

    .. math::
        v' = \mu v - \nabla F(y), \qquad y' = y + \eta (\mu v' - \nabla F(y))

    A row whose momentum leads up, or too far, forgets it.

    Parameters
    ----------
    momentum : float, default 0.9
        mu.

    References
    ----------
    Nesterov, "A method for solving the convex programming problem with convergence rate O(1/k^2)"
    (1983). O'Donoghue, Candès, "Adaptive restart for accelerated gradient schemes" (2015).
    """

    momentum: float = 0.9

    parameters: ClassVar[dict[str, Constraint]] = {"momentum": Real(0, high=1, below=True)}

    def _remember(self, y: Tensor) -> tuple[Tensor, ...]:
        return (torch.zeros_like(y),)

    def _move(self, state: Descending) -> Tensor:
        velocity = self.momentum * state.memory[0] - state.grad
        return self.momentum * velocity - state.grad

    def _learn(self, before: Descending, after: Descending, better: Tensor) -> tuple[Tensor, ...]:
        velocity = self.momentum * before.memory[0] - before.grad
        return (torch.where(per_chain(better, velocity), velocity, 0),)

    def _longer(self, rate: Tensor) -> Tensor:
        return 1.1 * rate


@dataclasses.dataclass(frozen=True, eq=False)
class LBFGS(Minimizer):
    r"""Limited-memory BFGS: the last few gradients say how the energy curves.

    .. math::
        y' = y - \eta H \nabla F(y)

    H is the inverse of the curvature that fits the last ``history`` steps s and changes of the
    gradient g: H g = s. Each row has its own.

    Parameters
    ----------
    history : int, default 8

    References
    ----------
    Nocedal, "Updating quasi-Newton matrices with limited storage" (1980).
    """

    history: int = 8

    parameters: ClassVar[dict[str, Constraint]] = {"history": Integer(1)}

    def _remember(self, y: Tensor) -> tuple[Tensor, ...]:
        flat = y.flatten(1)
        empty = flat.new_zeros(len(flat), self.history, flat.shape[1])
        return empty, empty.clone()

    def _move(self, state: Descending) -> Tensor:
        """The two loops over what is remembered; an empty place changes nothing."""
        steps, changes = state.memory
        along = (steps * changes).sum(dim=2)
        least = torch.finfo(along.dtype).tiny
        weight = torch.where(along > least, 1 / along.clamp(min=least), 0)
        q = state.grad.flatten(1)
        shares = []
        for i in range(self.history - 1, -1, -1):
            share = weight[:, i] * (steps[:, i] * q).sum(dim=1)
            q = q - share[:, None] * changes[:, i]
            shares.append(share)
        size = changes[:, -1].square().sum(dim=1)
        scale = torch.where(size > least, along[:, -1] / size.clamp(min=least), 1.0)
        q = q * scale[:, None]
        for i, share in enumerate(reversed(shares)):
            back = weight[:, i] * (changes[:, i] * q).sum(dim=1)
            q = q + (share - back)[:, None] * steps[:, i]
        return -q.view_as(state.grad)

    def _learn(self, before: Descending, after: Descending, better: Tensor) -> tuple[Tensor, ...]:
        step = (after.y - before.y).flatten(1)
        change = (after.grad - before.grad).flatten(1)
        # a pair that does not curve upwards would make a direction that leads up
        along = (step * change).sum(dim=1)
        kept = better & (along > 1e-10 * step.norm(dim=1) * change.norm(dim=1))
        steps, changes = before.memory
        wide = kept[:, None, None]
        return (
            torch.where(wide, torch.cat([steps[:, 1:], step[:, None]], dim=1), steps),
            torch.where(wide, torch.cat([changes[:, 1:], change[:, None]], dim=1), changes),
        )

    def _longer(self, rate: Tensor) -> Tensor:
        # a step of rate 1 is the whole way to where the curvature says the minimum is
        return (2 * rate).clamp(max=1.0)
