"""The energy over two columns of the table, the others hidden."""

from __future__ import annotations

import io
from base64 import b64encode
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from thalweg.data.columns.number import Number
from thalweg.plots import draw_landscape, figure
from thalweg.report.columns import short

SIDE = 70
"""Points of the grid a side"""


class Map(NamedTuple):
    """A picture, and what it shows in words."""

    image: str
    """PNG as a data address"""
    text: str


def map_of(
    model: Any, raw: NDArray[np.floating], chosen: NDArray[np.int64], wanted: list[str]
) -> Map | None:
    """Over the first two of the wanted columns that are numbers; None where there are not two.

    ``raw`` are rows (n, entries) in the units of the table.
    """
    places = {c.name: at.start for c, at in model.table_.spans if isinstance(c, Number)}
    names = [name for name in wanted if name in places and _varies(raw[:, places[name]])][:2]
    if len(names) < 2:
        return None
    across, up = (_ticks(raw[:, places[name]], raw[chosen, places[name]]) for name in names)
    grid = np.full((SIDE * SIDE, raw.shape[1]), np.nan)
    grid[:, places[names[0]]] = np.tile(across, SIDE)
    grid[:, places[names[1]]] = np.repeat(up, SIDE)
    scaling = model._space.scaling
    rows = torch.from_numpy(grid if scaling is None else scaling.into(grid)).to(model._like())
    with torch.no_grad():
        energy = model._visible(rows)(rows).double().cpu().numpy().reshape(SIDE, SIDE)
    drawn = figure(6.4, 4.6)
    axes = drawn.axes[0]
    at = raw[:, [places[name] for name in names]]
    shown = at[np.random.default_rng(0).permutation(len(at))[:2000]]
    draw_landscape(axes, across, up, energy, shown)
    odd, ends = at[chosen], [(each[0], each[-1]) for each in (across, up)]
    beyond = int(((odd < [e[0] for e in ends]) | (odd > [e[1] for e in ends])).any(axis=1).sum())
    odd = np.column_stack([np.clip(odd[:, j], *ends[j]) for j in range(2)])
    axes.scatter(odd[:, 0], odd[:, 1], s=70, facecolors="none", edgecolors="#c2410c",
                 linewidths=1.6, clip_on=False, zorder=3)  # fmt: skip
    axes.set(xlabel=names[0], ylabel=names[1], xlim=ends[0], ylim=ends[1])
    file = io.BytesIO()
    drawn.savefig(file, format="png", dpi=130)
    low = np.unravel_index(energy.argmin(), energy.shape)
    x, y = short(float(across[low[1]])), short(float(up[low[0]]))
    text = (
        f"Energy over {names[0]} and {names[1]}, all other columns hidden: dark is usual. It is "
        f"lowest near {names[0]} {x}, {names[1]} {y}. Dots are "
        f"rows{', rings those called unusual' if len(chosen) else ''}"
        f"{f' ({beyond} of them beyond the edge that they are on)' if beyond else ''}."
    )
    return Map("data:image/png;base64," + b64encode(file.getvalue()).decode(), text)


def _varies(values: NDArray[np.floating]) -> bool:
    seen = values[~np.isnan(values)]
    return len(seen) > 0 and float(np.ptp(seen)) > 0


def _ticks(values: NDArray[np.floating], odd: NDArray[np.floating]) -> NDArray[np.float64]:
    """A range that most rows are in, and the unusual ones, unless they would make it a point."""
    low, high = np.nanquantile(values, (0.02, 0.98))
    width = max(high - low, 1e-9 * max(abs(low), 1.0))
    seen = odd[~np.isnan(odd)]
    seen = seen[(seen > low - width) & (seen < high + width)]
    low, high = min([low, *seen]), max([high, *seen])
    return np.linspace(low - 0.08 * (high - low), high + 0.08 * (high - low), SIDE)
