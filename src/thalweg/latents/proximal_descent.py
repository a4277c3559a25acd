"""Descent by proximal steps: what the solvers that look for a code by steps share."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from thalweg.core import LatentEnergy, LatentSpace, is_exporting, values_known
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
        return self.energy.value_and_slope(self.y, z, self.x)

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
    if not values_known(y, z):
        return followed_descent(energy, y, x, z, max_iter, tol)
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


class Descending(NamedTuple):
    """Rows on their way down, (n, ...) each."""

    z: Tensor
    v: Tensor
    """where the next step starts: z, or ahead of it"""
    steps: Tensor
    momentum: Tensor
    done: Tensor


def start_from(z: Tensor, step: float) -> Descending:
    """Rows at z (n, *latent) that have not moved."""
    steps = torch.full_like(z.flatten(1)[:, 0], step)
    # copies, for a loop that is followed must not be handed one tensor twice
    return Descending(z.clone(), z.clone(), steps, torch.ones_like(steps), steps < 0)


class Advance(NamedTuple):
    """One step of each row; a function of tensors alone, so that loops of any kind can make it."""

    space: LatentSpace
    fixed: bool
    accelerate: bool
    tol: float | None
    """a row that moves by less than this share of its length is done; None: others say so"""

    def __call__(self, smooth: Smooth, at: Descending, value: Tensor, down: Tensor) -> Descending:
        """The next rows, from the data term and its gradient at v."""
        z, v, steps, momentum, done = at
        wide = (-1, *[1] * (z.ndim - 1))
        size = steps.reshape(wide)
        tried = self.space.proximal(v - size * down, size)
        move = tried - v
        good = ~done
        if not self.fixed:
            promised = value + _dot(down, move) + _dot(move, move) / (2 * steps)
            # slack for rounding, else a row at its minimum shrinks its step for ever
            slack = 8 * torch.finfo(z.dtype).eps
            good = good & (smooth.value(tried) <= promised + slack * value.abs())
            steps = torch.where(good, 1.1 * steps, torch.where(done, steps, 0.5 * steps))
        if self.tol is not None:
            short = _dot(move, move).sqrt() <= self.tol * (1 + _dot(tried, tried).sqrt())
            done = done | (good & short)
        ahead = tried
        if self.accelerate:
            ahead, following = _with_momentum(tried, z, v, momentum)
            momentum = torch.where(good, following, momentum)
        keep = good.reshape(wide)
        z, v = torch.where(keep, tried, z), torch.where(keep, ahead, v)
        return Descending(z, v, steps, momentum, done)


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
    advance = Advance(space, fixed, accelerate, tol if gap is None else None)
    quick = slope if fixed else None
    at = start_from(z, step)
    # rows that are left out have ended
    ends, where = z.clone(), torch.arange(n, device=z.device)
    value, down = (at.steps, quick(at.v)) if quick else smooth(at.v)
    for iteration in range(max_iter):
        if gap is not None and iteration % GAP_EVERY == 0:
            at = at._replace(done=at.done | (gap(at.z) <= tol))
            if at.done.all():
                break
        at = advance(smooth, at, value, down)
        if gap is None and iteration % GAP_EVERY == GAP_EVERY - 1:
            left = (~at.done).nonzero()[:, 0]
            fewer = smooth.taking(left) if 0 < len(left) < FEWER * len(at.z) else None
            if len(left) == 0:
                break
            if fewer is not None:
                ends[where] = at.z
                smooth, where, at = fewer, where[left], Descending(*(each[left] for each in at))
                value = value[left]
        value, down = (value, quick(at.v)) if quick else smooth(at.v)
    done = at.done if gap is None else gap(at.z) <= tol
    ends[where] = at.z
    converged = torch.ones(n, dtype=torch.bool, device=z.device)
    converged[where] = done
    return Found(ends, converged)


@torch.no_grad()
def followed_descent(
    energy: LatentEnergy, y: Tensor, x: Tensor | None, z: Tensor, max_iter: int, tol: float
) -> Found:
    """:func:`descend_code` where values are symbols: the same steps, and no row leaves."""
    advance = Advance(energy.latent, fixed=False, accelerate=True, tol=tol)
    given = () if x is None else (x,)
    y, z = y.detach(), z.detach()

    def going(i: Tensor, *carried: Tensor) -> Tensor:
        return (i < max_iter) & ~carried[4].all()

    def step(i: Tensor, *carried: Tensor) -> tuple[Tensor, ...]:
        at, (rows, *rest) = Descending(*carried[:5]), carried[5:]
        smooth = DataTerm(energy, rows, rest[0] if rest else None)
        following = advance(smooth, at, *smooth(at.v))
        return i + 1, *following, rows.clone(), *(each.clone() for each in rest)

    carried = (torch.zeros((), dtype=torch.int64, device=z.device), *start_from(z, 1.0), y, *given)
    if is_exporting():
        from torch._higher_order_ops.while_loop import while_loop

        carried = while_loop(going, step, carried)
    else:
        for _ in range(max_iter):
            carried = step(*carried)
    ends = Descending(*carried[1:6])
    return Found(ends.z, ends.done)


def _with_momentum(tried: Tensor, z: Tensor, v: Tensor, momentum: Tensor) -> tuple[Tensor, Tensor]:
    """Ahead of where a step from v led to, z being where the last one did; the next momentum."""
    restart = _dot(v - tried, tried - z) > 0
    following = torch.where(restart, 1.0, 0.5 * (1 + (1 + 4 * momentum.square()).sqrt()))
    share = torch.where(restart, 0.0, (momentum - 1) / following)
    return tried + share.reshape(-1, *[1] * (z.ndim - 1)) * (tried - z), following


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).flatten(1).sum(dim=1)
