"""Descent by proximal steps: what the solvers that look for a code by steps share."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from thalweg.core import LatentEnergy, LatentSpace
from thalweg.latents.spaces import Sparse

Slope = Callable[[Tensor], Tensor]
"""From z (n, *latent) to the gradient of the data term alone."""

GAP_EVERY = 10
"""Iterations between two looks at the duality gap, or at which rows are done."""

FEWER = 0.8
"""Share of rows that still move below which the others are left out."""


class Smooth(Protocol):
    """A function of z (n, *latent), row by row."""

    def __call__(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Its values (n,) and their gradient (n, *latent)."""

    def value(self, z: Tensor) -> Tensor:
        """Its values alone: (n,)."""

    def taking(self, rows: Tensor) -> Smooth | None:
        """For some of the rows, by their positions; None if that cannot be had."""


class DataTerm:
    """The data term of rows, without a graph for anything but z."""

    def __init__(self, energy: LatentEnergy, y: Tensor, x: Tensor | None) -> None:
        self.energy, self.y, self.x = energy, y.detach(), x

    def __call__(self, z: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            at = z.detach().requires_grad_()
            value = self.energy.data_term(self.y, at, self.x)
            (slope,) = torch.autograd.grad(value.sum(), at)
        return value.detach(), slope

    def value(self, z: Tensor) -> Tensor:
        with torch.no_grad():
            return self.energy.data_term(self.y, z, self.x)

    def taking(self, rows: Tensor) -> DataTerm | None:
        energy = self.energy.taking(rows)
        if energy is None:
            return None
        return DataTerm(energy, self.y[rows], None if self.x is None else self.x[rows])


class Found(NamedTuple):
    """Where a descent ended."""

    z: Tensor
    """(n, *latent)"""
    converged: Tensor
    """(n,), bool"""

    def as_in(self, like: Tensor) -> Found:
        return Found(self.z.to(like), self.converged)


def descend_code(
    energy: LatentEnergy, y: Tensor, x: Tensor | None, z: Tensor, max_iter: int, tol: float
) -> Found:
    """Bring the code of each row down from z, with step sizes of its own."""
    return proximal_descent(
        DataTerm(energy, y, x), energy.latent, z, 1.0, fixed=False, accelerate=True,
        max_iter=max_iter, tol=tol,
    )  # fmt: skip


def slope_of(energy: LatentEnergy, y: Tensor, x: Tensor | None) -> Slope | None:
    """The gradient as one product, where all rows share a Gram matrix."""
    if energy.quadratic_by_row is not False:
        return None
    form = energy.quadratic(y, x)
    if form is None:
        return None
    gram, linear = form.gram.detach(), form.linear.detach()
    return lambda z: torch.addmm(linear, z, gram, beta=-1)


def duality_gap(space: Sparse, smooth: Smooth) -> Callable[[Tensor], Tensor]:
    r"""From z, (primal - dual) / primal of a lasso; f is its data term and -c the gradient.

    The dual point is the residual, scaled by t so that no correlation is above the weight a:
    :math:`D = 2tf + t\, z \cdot c - t^2 f`. ``smooth`` is in double precision.
    """

    def gap(z: Tensor) -> Tensor:
        z = z.double()
        value, slope = smooth(z)
        c = -slope
        top = (c if space.nonnegative else c.abs()).amax(dim=-1).clamp_min(1e-300)
        t = (space.weight / top).clamp_max(1)
        primal = value + space(z)
        dual = 2 * t * value + t * (z * c).sum(dim=-1) - t * t * value
        return torch.where(primal > 0, (primal - dual) / primal.clamp_min(1e-300), 0)

    return gap


@torch.no_grad()
def proximal_descent(
    smooth: Smooth,
    space: LatentSpace,
    z: Tensor,
    step: float,
    *,
    fixed: bool,
    accelerate: bool,
    max_iter: int,
    tol: float,
    gap: Callable[[Tensor], Tensor] | None = None,
    slope: Slope | None = None,
) -> Found:
    """Minimize data term plus R, each row by itself.

    Parameters
    ----------
    smooth : Smooth
        The data term.
    space : LatentSpace
        R, by its proximal map.
    z : Tensor
        (n, *latent), where to start.
    step : float
        Step size to use (``fixed``), or to begin with.
    fixed : bool
        Whether the step size stays as it is; else rows shrink theirs until the step descends, and
        grow it again slowly.
    accelerate : bool
        With momentum, restarted where it points uphill.
    max_iter : int
    tol : float
    gap : callable, optional
        From z, a relative duality gap (n,) to stop by.
    slope : callable, optional
        The gradient alone, which is enough for a fixed step.
    """
    if slope is not None and gap is None:
        raise ValueError("a slope alone knows all rows; expected a gap to end by")
    n = len(z)
    wide = (-1, *[1] * (z.ndim - 1))
    steps = torch.full((n,), step, dtype=z.dtype, device=z.device)
    v, momentum = z, torch.ones_like(steps)
    done = torch.zeros(n, dtype=torch.bool, device=z.device)
    slack = 8 * torch.finfo(z.dtype).eps
    quick = slope if fixed else None
    # rows that are left out have ended
    ends, where = z.clone(), torch.arange(n, device=z.device)
    value, down = (steps, quick(v)) if quick else smooth(v)
    for iteration in range(max_iter):
        if gap is not None and iteration % GAP_EVERY == 0:
            done |= gap(z) <= tol
            if done.all():
                break
        size = steps.reshape(wide)
        tried = space.proximal(v - size * down, size)
        move = tried - v
        good = ~done
        if not fixed:
            promised = value + _dot(down, move) + _dot(move, move) / (2 * steps)
            # slack for rounding, else a row at its minimum shrinks its step for ever
            good &= smooth.value(tried) <= promised + slack * value.abs()
            steps = torch.where(good, 1.1 * steps, torch.where(done, steps, 0.5 * steps))
        if gap is None:
            short = _dot(move, move).sqrt() <= tol * (1 + _dot(tried, tried).sqrt())
            finished = good & short
        ahead = tried
        if accelerate:
            ahead, following = _with_momentum(tried, z, v, momentum)
            momentum = torch.where(good, following, momentum)
        keep = good.reshape(wide)
        z, v = torch.where(keep, tried, z), torch.where(keep, ahead, v)
        if gap is None:
            done = done | finished
            if iteration % GAP_EVERY == GAP_EVERY - 1:
                left = (~done).nonzero()[:, 0]
                fewer = smooth.taking(left) if 0 < len(left) < FEWER * len(z) else None
                if len(left) == 0:
                    break
                if fewer is not None:
                    ends[where] = z
                    smooth, where, done = fewer, where[left], done[left]
                    z, v, steps, momentum = z[left], v[left], steps[left], momentum[left]
        value, down = (value, quick(v)) if quick else smooth(v)
    if gap is not None:
        done = gap(z) <= tol
    ends[where] = z
    converged = torch.ones(n, dtype=torch.bool, device=z.device)
    converged[where] = done
    return Found(ends, converged)


def _with_momentum(tried: Tensor, z: Tensor, v: Tensor, momentum: Tensor) -> tuple[Tensor, Tensor]:
    """Ahead of where a step from v led to, z being where the last one did; the next momentum."""
    restart = _dot(v - tried, tried - z) > 0
    following = torch.where(restart, 1.0, 0.5 * (1 + (1 + 4 * momentum.square()).sqrt()))
    share = torch.where(restart, 0.0, (momentum - 1) / following)
    return tried + share.reshape(-1, *[1] * (z.ndim - 1)) * (tried - z), following


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).flatten(1).sum(dim=1)
