"""How wide the kernels of a density are: by rows that are left out in turn."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from thalweg.core import Layout
from thalweg.energies.parzen import Kernels, column_moments

LONE = 4.0
"""Times the distance that nine in ten rows have to their nearest, beyond which a row is alone"""

Cost = Callable[[float, float], float]
"""Of a bandwidth and a smoothing"""

ROUNDS = 2
"""Of the bandwidth with the smoothing of words as it is, and the other way round"""

NARROW, WIDE = 1 / 20, 4.0
"""Of the bandwidth that would be right for a normal table, between which it is looked for"""


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
    shown = ~rows.isnan()
    one = torch.ones((), dtype=torch.float64, device=rows.device)
    kernels = Kernels(rows.nan_to_num(), shown, layout, one, 0.1 * one)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:at_a_time]
    order = order.to(rows.device)
    asked, seen = rows[order].nan_to_num(), shown[order]
    squares, count, rest = kernels.parts(asked, seen)
    itself = torch.arange(len(rows), device=rows.device) == order[:, None]
    # where there are numbers, equal ones are copies of a row
    out = itself | ((squares == 0) & (count > 0) & (rest == 0))
    nearest = torch.where(out | (count == 0), torch.inf, squares).amin(dim=1).sqrt()
    near = nearest[nearest.isfinite()]
    most = float(LONE * near.quantile(0.9)) if len(near) else math.inf
    counts = ~(nearest.isfinite() & (nearest > most))

    def cost(bandwidth: float, smoothing: float) -> float:
        h = torch.tensor(bandwidth, dtype=torch.float64, device=rows.device)
        energies = Kernels.of(squares, count, h) + rest
        if layout.words:
            kernels.words.smoothing = smoothing
            energies = energies + kernels.words.energies(asked, seen)
        each = -torch.logsumexp(torch.where(out, -torch.inf, -energies), dim=1)
        each = each[counts & each.isfinite()]
        return float(each.mean()) if len(each) else 0.0

    d, m = len(layout.numbers), len(rows)
    h, smoothing = _rule(rows[:, layout.numbers], m, d), 0.1
    low, high = math.log(h * NARROW), math.log(h * WIDE)
    for _ in range(ROUNDS if layout.words else 1):
        if d:
            h = math.exp(_lowest(partial(_of_bandwidth, cost, smoothing), low, high))
        if layout.words:
            smoothing = math.exp(_lowest(partial(_of_smoothing, cost, h), math.log(1e-3), 0))
    return h, smoothing


def _of_bandwidth(cost: Cost, smoothing: float, logarithm: float) -> float:
    return cost(math.exp(logarithm), smoothing)


def _of_smoothing(cost: Cost, bandwidth: float, logarithm: float) -> float:
    return cost(bandwidth, math.exp(logarithm))


def _rule(numbers: Tensor, m: int, d: int) -> float:
    """The bandwidth that would be right for a normal table of the middle of these columns."""
    if not d:
        return 1.0
    ends = torch.nanquantile(numbers.double(), torch.tensor([0.1587, 0.8413]).to(numbers.device)
                             .double(), dim=0)  # fmt: skip
    spread = (ends[1] - ends[0]).nan_to_num() / 2
    kernels = Kernels(numbers.nan_to_num(), ~numbers.isnan(), Layout(d),
                      torch.ones((), dtype=torch.float64), torch.ones(()))  # fmt: skip
    # where most of a column is one value, all of it
    spread = torch.where(spread > 0, spread, column_moments(kernels.known)[1].sqrt())
    size = max(float(spread.square().mean().sqrt()), 1e-6)
    return float(size * (4 / (max(m, 2) * (d + 2))) ** (1 / (d + 4)))


def _lowest(function: Callable[[float], float], low: float, high: float) -> float:
    found = minimize_scalar(function, bounds=(low, high), method="bounded",
                            options={"xatol": 0.01})  # fmt: skip
    return float(found.x)
