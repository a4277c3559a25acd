"""The no-U-turn sampler, with steps of one length or of one that follows the place."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import Constraint, EnergyFunction, InputError, Integer, Real, value_and_gradient
from thalweg.samplers.adaptive import Adaptive
from thalweg.samplers.base import Info, State
from thalweg.samplers.native import KINDS
from thalweg.samplers.noise import key_of, stream_of
from thalweg.samplers.trajectories import LARGEST_RISE

if TYPE_CHECKING:
    from thalweg.kernels.trees import Trees


AT_ONCE = 256
"""Transitions that chains take without waiting for one another"""

LARGEST = 1 << 20
"""Numbers that draws of them may have, unless one transition has more"""


@dataclasses.dataclass(frozen=True, eq=False)
class TreeSampler(Adaptive, ABC):
    """A trajectory that doubles until it turns back, and a draw from all of it."""

    max_doublings: int = 10

    target: ClassVar[float] = 0.8
    parameters: ClassVar[dict[str, Constraint]] = {
        **Adaptive.parameters,
        "max_doublings": Integer(1, high=30),
    }

    @abstractmethod
    def _halvings(self) -> tuple[int, float]:
        """How often a step may be halved, and from which error of the total energy on."""

    def step(
        self, energy_fn: EnergyFunction, state: State, generator: torch.Generator
    ) -> tuple[State, Info]:
        return self._together(energy_fn, state, 1, generator)[0]

    def steps(
        self, energy_fn: EnergyFunction, state: State, n_steps: int, generator: torch.Generator
    ) -> Iterator[tuple[State, Info]]:
        """As many steps, each chain at its own pace: bit for bit those that :meth:`step` takes."""
        most = max(1, min(AT_ONCE, LARGEST // state.y.numel()))
        while n_steps:
            some = self._together(energy_fn, state, min(most, n_steps), generator)
            yield from some
            state, n_steps = some[-1][0], n_steps - len(some)

    def _together(
        self, energy_fn: EnergyFunction, state: State, n_steps: int, generator: torch.Generator
    ) -> list[tuple[State, Info]]:
        like, trees = state.y, self._trees(state, n_steps, generator)
        # the trees write over the points that they ask about
        at = torch.from_numpy(trees.at).view(like.shape)
        going = True
        while going:
            energy, grad = value_and_gradient(energy_fn, at.to(like))
            going = trees.grow(_array(energy, at), _array(grad, at).reshape(trees.at.shape))
        drawn = torch.from_numpy(trees.drawn).to(like).view(n_steps, 2, *like.shape)
        told = torch.from_numpy(trees.told)
        # in this order, as the kernel has them
        return [
            (
                State(y, energy.to(like), grad),
                Info((moved > 0).to(like.device), rate.to(like), (diverged > 0).to(like.device),
                     float(asked.double().mean())),
            )
            for (y, grad), (energy, rate, moved, diverged, asked) in zip(drawn, told, strict=True)
        ]  # fmt: skip

    def _trees(self, state: State, n_steps: int, generator: torch.Generator) -> Trees:
        """A tree for each chain, of which only the point that it stands at has grown."""
        from thalweg.kernels.trees import Trees  # compiled: slow to import

        assert state.grad is not None
        parts, n = self.metric.parts(), len(state.y)
        if parts is None:
            raise InputError(
                f"{type(self).__name__}: metric is {self.metric!r}, of parts that its trees do not "
                "know; expected Unit, Diagonal or LowRank"
            )
        # of energies in double precision no digits are lost, whatever rows are in
        kind = torch.promote_types(state.y.dtype, state.energy.dtype)
        kind = kind if kind in KINDS else torch.float32
        here = torch.empty((), dtype=kind)
        empty = (0,), (0, state.y[0].numel()), (0,)
        scale, vectors, values = (
            np.empty(shape, KINDS[kind]) if part is None else _array(part, here)
            for part, shape in zip(parts, empty, strict=True)
        )
        step = torch.as_tensor(self.step_size, dtype=kind).expand(n)
        y, grad = (_array(each, here).reshape(n, -1) for each in (state.y, state.grad))
        keys = [key_of(generator) for _ in range(n_steps)]
        noise = np.stack([stream_of(key, y.size, KINDS[kind]).reshape(y.shape) for key in keys])
        return Trees(
            np.array(keys), y, _array(state.energy, here), grad, noise, _array(step, here),
            (scale, vectors, values), self.max_doublings, LARGEST_RISE, *self._halvings(),
        )  # fmt: skip

    def of_one_step(self) -> Self:
        return self.tuned(max_doublings=1)


@dataclasses.dataclass(frozen=True, eq=False)
class NUTS(TreeSampler):
    r"""The no-U-turn sampler: a trajectory that doubles until it turns back.

    The next point is drawn from the whole trajectory by the weights exp(-H), favouring the half
    that was added last; a stretch has turned when

    .. math::
        \rho^T \Sigma p_- \le 0 \quad\text{or}\quad \rho^T \Sigma p_+ \le 0,
        \qquad \rho = \sum p

    at one of its ends. Every evaluation is of all chains, those that wait included, so it is for
    few chains; for many take :class:`HMC`, whose chains all take the same number of steps.

    Parameters
    ----------
    step_size : float or Tensor, default 0.1
        epsilon. Warm-up brings the mean acceptance along trajectories to 0.8.
    metric : Metric, default Unit()
        Sigma: the inverse of the mass.
    max_doublings : int, default 10
        2 to that power leapfrog steps at most.

    References
    ----------
    Hoffman, Gelman, "The No-U-turn sampler" (2014). Betancourt, "A conceptual introduction to
    Hamiltonian Monte Carlo" (2017), appendix A.4. Phan, Pradhan, Jankowiak, "Composable effects
    for flexible and accelerated probabilistic programming in NumPyro" (2019): trees without
    recursion.
    """

    def _halvings(self) -> tuple[int, float]:
        return 0, float("inf")


@dataclasses.dataclass(frozen=True, eq=False)
class WALNUTS(TreeSampler):
    r"""The no-U-turn sampler with steps that are as short as the place asks for.

    A leaf of the tree is a step of length epsilon, made of 2^h leapfrog steps, where h is the least
    number with which the total energy stays within a tolerance:

    .. math::
        \max_t H(y_t, p_t) - \min_t H(y_t, p_t) \le \delta

    A step whose way back needs another h could not be undone, and ends the trajectory; so the
    density is kept exactly. For densities that are narrow here and wide there, as those of
    hierarchies (Neal's funnel), where one length is too long for the neck or too short for the
    rest. Elsewhere :class:`NUTS` and :class:`HMC` take fewer gradients.

    Parameters
    ----------
    step_size : float or Tensor, default 0.1
        epsilon. Warm-up brings the mean acceptance of steps that are not halved to 0.8.
    metric : Metric, default Unit()
        Sigma: the inverse of the mass.
    max_doublings : int, default 10
        2 to that power steps at most.
    max_halvings : int, default 10
        h at most; where that is not enough the trajectory has diverged.
    tolerance : float, default 0.3
        delta.

    References
    ----------
    Bou-Rabee, Carpenter, Kleppe, Liu, "The within-orbit adaptive leapfrog no-U-turn sampler"
    (2025).
    """

    max_halvings: int = 10
    tolerance: float = 0.3

    parameters: ClassVar[dict[str, Constraint]] = {
        **TreeSampler.parameters,
        "max_halvings": Integer(0, high=30),
        "tolerance": Real(0, above=True),
    }

    def _halvings(self) -> tuple[int, float]:
        return self.max_halvings, self.tolerance


def _array(value: Tensor, like: Tensor) -> NDArray[Any]:
    """The numbers in a row, in the type of ``like``, on a CPU."""
    found: NDArray[Any] = value.detach().to(like).contiguous().numpy()
    return found
