"""The no-U-turn sampler, all chains in step."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from thalweg.core import Constraint, EnergyFunction, Integer
from thalweg.samplers.adaptive import Adaptive
from thalweg.samplers.base import Info, State, choose
from thalweg.samplers.hmc import LARGEST_RISE
from thalweg.samplers.leapfrog import Phase, leapfrog
from thalweg.samplers.metric import Metric
from thalweg.samplers.noise import branch_off, inner, normal, per_chain, uniform


class _Tree(NamedTuple):
    """A stretch of a trajectory, for every chain."""

    left: Phase
    right: Phase
    chosen: State
    """a point of it, drawn by its weight"""
    log_weight: Tensor
    """log of the sum of exp(-(H - H_0)), (n,)"""
    momentum: Tensor
    """the sum of its momenta, ``(n, *shape)``"""


class _Tally(NamedTuple):
    """What becomes of the chains while trees grow, each (n,)."""

    active: Tensor
    diverged: Tensor
    acceptance: Tensor
    leaves: Tensor


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
        assert state.grad is not None
        generator = branch_off(generator)
        p = self.metric.momentum(normal(state.y, generator))
        begun = Phase(state.y, p, state.energy, state.grad)
        level = state.energy + self.metric.kinetic(p)
        zero = torch.zeros_like(level)
        tree = _Tree(begun, begun, state, zero, p)
        none = torch.zeros_like(level, dtype=torch.bool)
        tally = _Tally(~none, none, zero, zero)
        moved = none
        for depth in range(self.max_doublings):
            forward = uniform(level, generator) < 0.5
            growing = tally.active
            edge = _either(forward, tree.right, tree.left)
            branch, tally = self._grow(energy_fn, edge, forward, level, 2**depth, tally, generator)
            # a branch that was given up counts for nothing
            whole = growing & tally.active
            share = (branch.log_weight - tree.log_weight).clamp(max=0).exp()
            taken = whole & (uniform(level, generator) < share)
            moved = moved | taken
            tree = _Tree(
                _either(whole & ~forward, branch.left, tree.left),
                _either(whole & forward, branch.right, tree.right),
                choose(taken, branch.chosen, tree.chosen),
                torch.where(
                    whole, torch.logaddexp(tree.log_weight, branch.log_weight), tree.log_weight
                ),
                torch.where(per_chain(whole, p), tree.momentum + branch.momentum, tree.momentum),
            )
            turned = _turned(self.metric, tree.momentum, tree.left.p, tree.right.p)
            tally = tally._replace(active=tally.active & ~turned)
            if not bool(tally.active.any()):
                break
        acceptance = tally.acceptance / tally.leaves.clamp(min=1)
        return tree.chosen, Info(moved, acceptance, tally.diverged, tally.leaves.mean())

    def _grow(
        self,
        energy_fn: EnergyFunction,
        edge: Phase,
        forward: Tensor,
        level: Tensor,
        size: int,
        tally: _Tally,
        generator: torch.Generator,
    ) -> tuple[_Tree, _Tally]:
        """A branch of ``size`` leaves from ``edge`` on; chains whose branch turns turn inactive.

        The leaves of a balanced binary tree are made one after the other. Each stretch of 2^j
        leaves, aligned at a multiple of 2^j, is checked for a turn when it ends; what the check
        needs from its first leaf is kept at the place that counts the ones in that leaf's number.
        """
        sign = torch.where(forward, 1.0, -1.0).to(level)
        step = per_chain(sign, edge.y) * self.step_for(edge.y)
        at = edge
        first: Phase | None = None
        chosen = State(edge.y, edge.energy, edge.grad)
        log_weight = torch.full_like(level, -torch.inf)
        momentum = torch.zeros_like(edge.p)
        kept: dict[int, tuple[Tensor, Tensor]] = {}
        for leaf in range(size):
            after = leapfrog(energy_fn, self.metric, at.y, at.p, at.grad, step)
            at = _either(tally.active, after, at)
            first = at if first is None else first
            weight = level - at.energy - self.metric.kinetic(at.p)
            fine = weight.isfinite() & (weight > -LARGEST_RISE)
            weight = torch.where(fine, weight, -torch.inf)
            going = tally.active & fine
            total = torch.logaddexp(log_weight, torch.where(going, weight, -torch.inf))
            taken = going & (uniform(level, generator).log() < weight - total)
            chosen = choose(taken, State(at.y, at.energy, at.grad), chosen)
            log_weight = total
            counted = tally.active.to(level)
            acceptance = tally.acceptance + counted * weight.clamp(max=0).exp()
            tally = _Tally(going, tally.diverged | ~fine, acceptance,
                           tally.leaves + counted)  # fmt: skip
            if leaf % 2 == 0:
                kept[leaf.bit_count()] = (momentum, at.p)
            momentum = momentum + torch.where(per_chain(going, at.p), at.p, 0)
            turned = torch.zeros_like(going)
            width = 2
            while (leaf + 1) % width == 0:
                before, p = kept[(leaf + 1 - width).bit_count()]
                turned = turned | _turned(self.metric, momentum - before, p, at.p)
                width *= 2
            tally = tally._replace(active=tally.active & ~turned)
            if not bool(tally.active.any()):
                break
        assert first is not None
        left, right = _either(forward, first, at), _either(forward, at, first)
        return _Tree(left, right, chosen, log_weight, momentum), tally

    def of_one_step(self) -> Self:
        return self.tuned(max_doublings=1)


def _either(first: Tensor, one: Phase, other: Phase) -> Phase:
    wide = per_chain(first, one.y)
    return Phase(
        torch.where(wide, one.y, other.y),
        torch.where(wide, one.p, other.p),
        torch.where(first, one.energy, other.energy),
        torch.where(wide, one.grad, other.grad),
    )


def _turned(metric: Metric, momentum: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Whether a stretch has turned back at one of its ends: (n,)."""
    way = metric.velocity(momentum)
    return (inner(way, left) <= 0) | (inner(way, right) <= 0)
