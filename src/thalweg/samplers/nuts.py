"""The no-U-turn sampler, all chains in step."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import Constraint, EnergyFunction, InputError, Integer, value_and_gradient
from thalweg.samplers.adaptive import Adaptive
from thalweg.samplers.base import Info, State
from thalweg.samplers.hmc import LARGEST_RISE
from thalweg.samplers.native import KINDS
from thalweg.samplers.noise import key_of, stream_of

if TYPE_CHECKING:
    from thalweg.kernels.trees import Trees


@dataclasses.dataclass(frozen=True, eq=False)
class NUTS(Adaptive):
    r"""The no-U-turn sampler: a trajectory that doubles until it turns back.

    The next point is drawn from the whole trajectory by the weights exp(-H), favouring the half
    that was added last; a stretch has turned when

    .. math::
        \rho^T \Sigma p_- \le 0 \quad\text{or}\quad \rho^T \Sigma p_+ \le 0,
        \qquad \rho = \sum p

    at one of its ends. Chains that are done wait for the others, so it is for few chains; for many
    take :class:`HMC`, whose chains all take the same number of steps.

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

    max_doublings: int = 10

    target: ClassVar[float] = 0.8
    parameters: ClassVar[dict[str, Constraint]] = {
        **Adaptive.parameters,
        "max_doublings": Integer(1),
    }

    def step(
        self, energy_fn: EnergyFunction, state: State, generator: torch.Generator
    ) -> tuple[State, Info]:
        from thalweg.kernels.trees import ACCEPTANCE, CHOSEN, CHOSEN_ENERGY, DIVERGED, LEAVES, MOVED

        like, trees = state.y, self._trees(state, generator)
        # the trees write over the points that they ask about
        at = torch.from_numpy(trees.at).view(like.shape)
        going = True
        while going:
            energy, grad = value_and_gradient(energy_fn, at.to(like))
            going = trees.grow(_array(energy, at), _array(grad, at).reshape(trees.at.shape))
        rows, numbers, counts = (
            torch.from_numpy(each) for each in (trees.vectors, trees.numbers, trees.counts)
        )
        chosen, slope = (rows[CHOSEN + k].clone().view(like.shape).to(like) for k in (0, 1))
        leaves = counts[LEAVES].to(numbers)
        return State(chosen, numbers[CHOSEN_ENERGY].to(like), slope), Info(
            (counts[MOVED] > 0).to(like.device), (numbers[ACCEPTANCE] / leaves).to(like),
            (counts[DIVERGED] > 0).to(like.device), float(leaves.mean()),
        )  # fmt: skip

    def _trees(self, state: State, generator: torch.Generator) -> Trees:
        """A tree for each chain, of which only the point that it stands at has grown."""
        from thalweg.kernels.trees import Trees  # compiled: slow to import

        assert state.grad is not None
        parts, n = self.metric.parts(), len(state.y)
        if parts is None:
            raise InputError(
                f"NUTS: metric is {self.metric!r}, of parts that its trees do not know; expected "
                "Unit, Diagonal or LowRank"
            )
        kind = state.y.dtype if state.y.dtype in KINDS else torch.float32
        here = torch.empty((), dtype=kind)
        key = key_of(generator)
        empty = (0,), (0, state.y[0].numel()), (0,)
        scale, vectors, values = (
            np.empty(shape, KINDS[kind]) if part is None else _array(part, here)
            for part, shape in zip(parts, empty, strict=True)
        )
        step = torch.as_tensor(self.step_size, dtype=kind).expand(n)
        y, grad = (_array(each, here).reshape(n, -1) for each in (state.y, state.grad))
        noise = stream_of(key, y.size, KINDS[kind]).reshape(y.shape)
        return Trees(
            key, y, _array(state.energy, here), grad, noise, _array(step, here),
            (scale, vectors, values), self.max_doublings, LARGEST_RISE,
        )  # fmt: skip

    def of_one_step(self) -> Self:
        return self.tuned(max_doublings=1)


def _array(value: Tensor, like: Tensor) -> NDArray[Any]:
    """The numbers in a row, in the type of ``like``, on a CPU."""
    found: NDArray[Any] = value.detach().to(like).contiguous().numpy()
    return found
