"""How wide the kernels of a density are: by rows that are left out in turn."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from thalweg.core import Layout
from thalweg.energies.parzen import Kernels
from thalweg.energies.word_kernels import SMOOTHING

LONE = 4.0
"""Times the distance that nine in ten rows have to their nearest, beyond which a row is alone"""

Cost = Callable[[float, float], float]
"""Of a bandwidth and a smoothing"""

ROUNDS = 2
"""Of the bandwidth with the smoothing of words as it is, and the other way round"""

NARROW, WIDE = 1 / 20, 4.0
"""Of the bandwidth that would be right for a normal table, between which it is looked for; down to
how near rows are, if that is less"""

GRID = 10
"""Bandwidths that are tried first"""


@torch.no_grad()
def kernel_widths(
    rows: Tensor, layout: Layout | None = None, at_a_time: int = 1024
) -> tuple[float, float]:
    r"""The bandwidth, and smoothing of words, under which rows left out in turn are likeliest.

    .. math::
        h, \lambda = \arg\max \sum_i \log \frac{1}{m - 1} \sum_{z \ne i} e^{-E(y_i, z)}

    Rows that are far from all others do not count: no kernel of the width of the rest explains
    them, and one alone would make all kernels wide. Rows that are there twice say nothing of how
    far apart rows are, and are left out for each other.

    Parameters
    ----------
    rows : Tensor
        (m, d), NaN where hidden.
    layout : Layout, optional
        Which entries are words.
    at_a_time : int, default 1024
        Rows that are left out, at most; of more, so many at random.

    References
    ----------
    Duin, "On the choice of smoothing parameters for Parzen estimators of probability density
    functions" (1976).
    """
    layout = Layout(rows.shape[1]) if layout is None else layout
    rows, layout = _without_constants(rows, layout)
    shown = ~rows.isnan()
    one = torch.ones((), dtype=torch.float64, device=rows.device)
    kernels = Kernels(rows.nan_to_num(), shown, layout, one, SMOOTHING * one)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:at_a_time]
    order = order.to(rows.device)
    asked, seen = rows[order].nan_to_num(), shown[order]
    parts = kernels.parts(asked, seen)
    out = torch.arange(len(rows), device=rows.device) == order[:, None]
    twins = (parts.squares == 0) & (parts.shared == len(layout.numbers)) & (parts.shared > 0)
    if not _of_few_values(rows[:, layout.numbers]):
        # of numbers that do not repeat by themselves, equal ones are copies
        out = out | twins
    nearest = torch.where(out | (parts.shared == 0), torch.inf, parts.squares).amin(dim=1).sqrt()
    near = nearest[nearest.isfinite()]
    most = float(LONE * near.quantile(0.9)) if len(near) and float(near.max()) > 0 else math.inf
    counts = ~(nearest.isfinite() & (nearest > most))

    def cost(bandwidth: float, smoothing: float) -> float:
        h = torch.tensor(bandwidth, dtype=torch.float64, device=rows.device)
        energies = kernels.of(parts, h)
        if layout.words:
            kernels.words.smoothing = smoothing
            energies = energies + kernels.words.energies(asked, seen)
        each = -torch.logsumexp(torch.where(out, -torch.inf, -energies), dim=1)
        each = each[counts & each.isfinite()]
        return float(each.mean()) if len(each) else 0.0

    rule, smoothing = _rule(kernels, len(rows)), SMOOTHING
    positive = near[near > 0]
    low = min(rule * NARROW, float(positive.median()) if len(positive) else rule)
    h, low, high = rule, math.log(low), math.log(rule * WIDE)
    for _ in range(ROUNDS if layout.words else 1):
        if layout.numbers:
            h = math.exp(_lowest(partial(_of_bandwidth, cost, smoothing), low, high))
        if layout.words:
            smoothing = math.exp(_lowest(partial(_of_smoothing, cost, h), math.log(1e-3), 0))
    return h, smoothing


def _of_few_values(numbers: Tensor) -> bool:
    """Whether every column has few values, as those that count or grade have."""
    most = math.isqrt(len(numbers))
    return all(len(column[~column.isnan()].unique()) <= most for column in numbers.unbind(dim=1))


def _without_constants(rows: Tensor, layout: Layout) -> tuple[Tensor, Layout]:
    """Without the numbers that are one in all rows: they say nothing of how far apart rows are."""
    low = torch.where(rows.isnan(), torch.inf, rows).amin(dim=0)
    high = torch.where(rows.isnan(), -torch.inf, rows).amax(dim=0)
    kept = low < high
    for start, stop in layout.words:
        kept[start:stop] = True
    before = (~kept).cumsum(dim=0).tolist()
    words = tuple((start - before[start], stop - before[start]) for start, stop in layout.words)
    return rows[:, kept], Layout(int(kept.sum()), words)


def _of_bandwidth(cost: Cost, smoothing: float, logarithm: float) -> float:
    return cost(math.exp(logarithm), smoothing)


def _of_smoothing(cost: Cost, bandwidth: float, logarithm: float) -> float:
    return cost(bandwidth, math.exp(logarithm))


def _rule(kernels: Kernels, m: int) -> float:
    """The bandwidth that would be right for a normal table of the middle of these columns."""
    d = len(kernels.numbers)
    if not d:
        return 1.0
    known = kernels.known
    rows = torch.where(known.there > 0, known.rows, torch.nan)
    at = torch.tensor([0.1587, 0.8413], dtype=torch.float64, device=rows.device)
    low, high = torch.nanquantile(rows, at, dim=0)
    spread = (high - low).nan_to_num() / 2
    # where most of a column is one value, all of it
    spread = torch.where(spread > 0, spread, kernels.variance.sqrt())
    spread = spread[spread > 0]
    size = float(spread.square().mean().sqrt()) if len(spread) else 1e-6
    return float(size * (4 / (max(m, 2) * (d + 2))) ** (1 / (d + 4)))


def _lowest(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function is lowest: of a grid, and from there on by golden sections."""
    step = (high - low) / GRID
    at = [low + step * i for i in range(GRID + 1)]
    best = min(at, key=function)
    found = minimize_scalar(function, bounds=(max(low, best - step), min(high, best + step)),
                            method="bounded", options={"xatol": 0.01})  # fmt: skip
    return float(found.x)
