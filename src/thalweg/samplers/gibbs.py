"""Gibbs sampling: variables drawn given all others."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor

from thalweg.core import Constraint, EnergyFunction, InputError, Switch, value, value_and_gradient
from thalweg.samplers.base import Info, Sampler, State, metropolis, start
from thalweg.samplers.noise import gumbel


class Bipartite(ABC):
    """What block Gibbs needs of an energy: the two conditionals of its two layers.

    Given one layer, the units of the other do not depend on each other. An energy F(y) over the
    visible layer that knows its hidden one derives from this class too.
    """

    @abstractmethod
    def draw_hidden(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """A draw of the hidden layer given the visible one: (n, k)."""

    @abstractmethod
    def draw_visible(self, hidden: Tensor, generator: torch.Generator) -> Tensor:
        """A draw of the visible layer given the hidden one: (n, d)."""

    def sweeps(
        self, y: Tensor, n_sweeps: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Both layers drawn again and again, the hidden one first.

        After each sweep the visible layer (n, d) and its energy (n,). One compiled loop may do many
        in place of these calls.
        """
        for _ in range(n_sweeps):
            with torch.no_grad():
                y = self.draw_visible(self.draw_hidden(y, generator), generator)
            yield y, value(self, y)  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True, eq=False)
class BlockGibbs(Sampler):
    r"""Block Gibbs for two layers: all hidden units at once, then all visible ones.

    .. math::
        h \sim p(h | y), \qquad y' \sim p(y | h)

    Every step is accepted. The energy function has to be a :class:`Bipartite` energy.

    References
    ----------
    Hinton, "Training products of experts by minimizing contrastive divergence" (2002).
    """

    space: ClassVar[str] = "binary"
    compares: ClassVar[bool] = False

    def init(self, energy_fn: EnergyFunction, y: Tensor) -> State:
        if not isinstance(energy_fn, Bipartite):
            # a Bridge, for one, is what an energy becomes at another temperature
            raise InputError(
                f"BlockGibbs: {type(energy_fn).__name__} has no conditionals; expected a Bipartite "
                "energy, such as RestrictedBoltzmann, at its own temperature and complete"
            )
        # its conditionals know what the visible units are
        return start(energy_fn, y, "BlockGibbs", gradient=False, space="any")

    def step(
        self, energy_fn: EnergyFunction, state: State, generator: torch.Generator
    ) -> tuple[State, Info]:
        return next(self.steps(energy_fn, state, 1, generator))

    def steps(
        self, energy_fn: EnergyFunction, state: State, n_steps: int, generator: torch.Generator
    ) -> Iterator[tuple[State, Info]]:
        assert isinstance(energy_fn, Bipartite)
        for y, energy in energy_fn.sweeps(state.y, n_steps, generator):
            every = torch.ones_like(energy, dtype=torch.bool)
            yield State(y, energy, None), Info(every, every.to(energy), ~energy.isfinite(), 0)


@dataclasses.dataclass(frozen=True, eq=False)
class GibbsWithGradients(Sampler):
    r"""One change of a discrete y, proposed where the gradient expects it to lower the energy.

    .. math::
        q(i | y) \propto e^{-\hat\Delta_i(y) / 2}, \qquad
        \alpha = \min\Big(1, e^{F(y) - F(y')} \frac{q(i | y')}{q(i | y)}\Big)

    The first-order estimate of the change of F by flipping coordinate i of a binary y is
    :math:`\hat\Delta_i = (1 - 2 y_i) \, \partial F / \partial y_i`. For one-hot rows
    (n, items, categories) it is :math:`\hat\Delta_{ij} = \partial F / \partial y_{ij} -
    \sum_k y_{ik} \, \partial F / \partial y_{ik}` for setting item i to category j. The energy has
    to be defined, and differentiable, between the discrete points too.

    Parameters
    ----------
    one_hot : bool, default False
        Whether y is (n, items, categories) with one 1 for each item, and not (n, d) of 0 and 1.

    References
    ----------
    Grathwohl, Swersky, Hashemi, Duvenaud, Maddison, "Oops I took a gradient: scalable sampling for
    discrete distributions" (2021).
    """

    one_hot: bool = False

    space: ClassVar[str] = "binary"
    parameters: ClassVar[dict[str, Constraint]] = {"one_hot": Switch()}

    def init(self, energy_fn: EnergyFunction, y: Tensor) -> State:
        right = ((y == 0) | (y == 1)).flatten(1).all(dim=1)
        if self.one_hot:
            if y.dim() != 3:
                raise InputError(
                    f"GibbsWithGradients: one-hot rows have shape {tuple(y.shape)}; "
                    "expected (n, items, categories)"
                )
            right &= (y.sum(dim=2) == 1).all(dim=1)
        if not bool(right.all()):
            chain = int((~right).nonzero()[0, 0])
            kind = "one 1 for each item" if self.one_hot else "only 0 and 1"
            raise InputError(f"GibbsWithGradients: chain {chain} starts off the set; "
                             f"expected {kind}")  # fmt: skip
        return start(energy_fn, y, "GibbsWithGradients", gradient=True, space="any")

    def step(
        self, energy_fn: EnergyFunction, state: State, generator: torch.Generator
    ) -> tuple[State, Info]:
        assert state.grad is not None
        forth = self._log_proposal(state.y, state.grad)
        index = (forth + gumbel(forth, generator)).argmax(dim=1)
        y = self._changed(state.y, index)
        energy, grad = value_and_gradient(energy_fn, y)
        back = self._log_proposal(y, grad)
        rows = torch.arange(len(y), device=y.device)
        undo = index if not self.one_hot else self._undo(state.y, index)
        log_ratio = state.energy - energy + back[rows, undo] - forth[rows, index]
        return metropolis(state, State(y, energy, grad), log_ratio, generator, gradients=1)

    def _log_proposal(self, y: Tensor, grad: Tensor) -> Tensor:
        """log q of every change: (n, d) or (n, items * categories)."""
        if self.one_hot:
            change = grad - (y * grad).sum(dim=2, keepdim=True)
            # setting an item to what it is is no change
            change = torch.where(y == 1, torch.inf, change).flatten(1)
        else:
            change = (1 - 2 * y) * grad
        return torch.log_softmax(-0.5 * change, dim=1)

    def _changed(self, y: Tensor, index: Tensor) -> Tensor:
        y = y.clone()
        rows = torch.arange(len(y), device=y.device)
        if self.one_hot:
            item, category = index // y.shape[2], index % y.shape[2]
            y[rows, item] = 0
            y[rows, item, category] = 1
        else:
            y[rows, index] = 1 - y[rows, index]
        return y

    @staticmethod
    def _undo(y: Tensor, index: Tensor) -> Tensor:
        """The change that leads back: the same item to the category that it has now."""
        rows = torch.arange(len(y), device=y.device)
        item = index // y.shape[2]
        return item * y.shape[2] + y[rows, item].argmax(dim=1)
