"""Whether what an energy says of its slopes is so, and whether it jumps."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core.checked import Checked, finest, said_of
from thalweg.core.derivatives import by_autograd

SEGMENTS, HALVINGS = 32, 36
"""Pieces of a line between two rows, and how often the one of most change is halved"""

STEP, COARSE_STEP = 1e-5, 1e-2
"""Of differences, in units of the columns' spread: in double precision and in less"""

ASIDE = 1e-3
"""How far from the rows slopes are looked at, for rows often lie on kinks (a pixel is 0)"""

KINKS = 0.05
"""Share of the rows that may lie beside several kinks"""

SINGLE_HALVINGS, LEAST_JUMP, SINGLE_JUMP = 10, 1e-4, 3e-2
"""In less than double precision lines are not halved as often; jumps, as shares of what F spans"""


def gradients_that_differ(c: Checked) -> str | None:
    energy, x = c.energy, c.x
    if not c.y.is_floating_point() or not _differentiable(c):
        return None
    value, slope = by_autograd(lambda at: energy(at, x), c.y)
    lost = slope.isnan().flatten(1).any(dim=1).nonzero()
    if len(lost):
        return f"row {int(lost[0, 0])} has a gradient that is no number, at a finite energy"
    said, own = energy.value_and_gradient(c.y, x)
    around = torch.randn(c.y.shape, generator=torch.Generator().manual_seed(0)).to(c.y)
    found = (
        c.first(said, value, "energy by value_and_gradient", "when it is asked itself")
        or c.first(own, slope, "gradient by value_and_gradient", "by autograd")
        or c.first(energy.gradient(c.y, x), slope, "gradient", "by autograd")
        or _with_graph(c, value, slope, around)
    )
    return found or (_by_differences(c, around) if energy.space == "real" else None)


def _with_graph(c: Checked, value: Tensor, slope: Tensor, around: Tensor) -> str | None:
    """What objectives train slopes by."""
    try:
        with torch.enable_grad():
            again, slopes, _ = c.energy.along(c.y, around[None], c.x)
        trained = c.energy.slope(c.y, c.x).detach()
    except RuntimeError:
        # torch has no second derivatives of some functions, and of compiled ones: no fault of F
        return None
    along = (slope * around).flatten(1).sum(dim=1)
    return (
        c.first(trained, slope, "slope", "by autograd")
        or c.first(again.detach(), value, "energy by along", "when it is asked itself")
        or c.first(slopes[0].detach(), along, "slope along a direction", "by autograd")
    )


def _differentiable(c: Checked) -> bool:
    with torch.enable_grad():
        value = c.energy(c.y.clone().requires_grad_(), c.x)
    return bool(value.requires_grad)


def _by_differences(c: Checked, around: Tensor) -> str | None:
    """Slopes lie between the differences to both sides: at a kink these differ."""
    energy, fine = finest(c)
    y = c.y.double() if fine else c.y
    flat = y.flatten(1)
    spread = flat.std(dim=0)
    spread = torch.where(spread > 0, spread, flat.abs().amax(dim=0).clamp_min(1e-3))
    scale = spread.reshape(y.shape[1:])
    noise = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y)
    h, v = STEP if fine else COARSE_STEP, around.to(y) * scale
    y = y + ASIDE * noise * scale
    value, slope = by_autograd(lambda at: energy(at, c.x), y)
    ahead = (c.of(y + h * v, energy=energy) - value) / h
    behind = (value - c.of(y - h * v, energy=energy)) / h
    said = (slope * v).flatten(1).sum(dim=1)
    size = torch.maximum(torch.maximum(ahead.abs(), behind.abs()), said.abs())
    share, rounding = (max(c.rtol, 1e-3), 1e-13) if fine else (0.05, 100 * c.eps)
    room = share * size + rounding * (value.abs() + 1e-6) / h
    low, high = torch.minimum(ahead, behind) - room, torch.maximum(ahead, behind) + room
    # where a difference is no number a wall is near
    bad = ((said < low) | (said > high)) & ahead.isfinite() & behind.isfinite()
    if int(bad.sum()) <= KINKS * len(y):
        return None
    i = int(bad.nonzero()[0, 0])
    return (
        f"row {i} has slope {said_of(said[i])} along a direction by autograd, and by differences "
        f"{said_of(behind[i])} to {said_of(ahead[i])}"
    )


def jumps_between_rows(c: Checked) -> str | None:
    if c.energy.space != "real" or not c.y.is_floating_point():
        return None
    energy, fine = finest(c)
    y = c.y.double() if fine else c.y
    first, last = y[:-1], y[1:]
    at = slice(0, len(first))

    def along(t: Tensor) -> Tensor:
        wide = t.reshape(-1, *[1] * (y.dim() - 1))
        return c.of(first + wide * (last - first), at, energy)

    ends = torch.linspace(0, 1, SEGMENTS + 1, dtype=y.dtype, device=y.device)
    values = torch.stack([along(t.expand(len(first))) for t in ends])
    change = (values[1:] - values[:-1]).abs()
    most = change.nan_to_num(torch.inf).argmax(dim=0)
    low, high = ends[most], ends[most + 1]
    under, over = (v.gather(0, most[None])[0] for v in (values[:-1], values[1:]))
    for _ in range(HALVINGS if fine else SINGLE_HALVINGS):
        middle = (low + high) / 2
        value = along(middle)
        left = (value - under).abs() >= (over - value).abs()
        low, under = torch.where(left, low, middle), torch.where(left, under, value)
        high, over = torch.where(left, middle, high), torch.where(left, value, over)
    rise = (over - under).abs()
    spread = (values.amax(dim=0) - values.amin(dim=0)).nan_to_num(1.0, posinf=1.0)
    most_of = values.abs().amax(dim=0).nan_to_num(1.0, posinf=1.0)
    size = (LEAST_JUMP if fine else SINGLE_JUMP) * spread + (1e-7 if fine else 10 * c.eps) * most_of
    bad = (~(rise <= size) & (under != over)).nonzero()
    if not len(bad):
        return None
    i = int(bad[0, 0])
    return (
        f"on the line from row {i} to row {i + 1} it jumps from {float(under[i]):.6g} to "
        f"{float(over[i]):.6g}, {float(low[i]):.6f} of the way"
    )
