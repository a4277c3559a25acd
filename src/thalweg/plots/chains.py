"""Chains, drawn on the surface that they walk on."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from thalweg.plots.style import WELL


def draw_chains(
    axes: Axes, paths: NDArray[np.floating], colours: tuple[str, ...] = (WELL, "#e69f00", "#ffffff")
) -> None:
    """Paths (chains, draws, 2) as lines with a point at each draw and a ring where they begin."""
    for path, colour in zip(paths, np.resize(np.array(colours), len(paths)), strict=True):
        a, b = path.T
        axes.plot(a, b, color=colour, linewidth=0.7, alpha=0.8)
        axes.scatter(a, b, s=5, color=colour, linewidths=0)
        axes.scatter(
            a[:1], b[:1], s=45, facecolors="none", edgecolors=colour, linewidths=1.5, zorder=3
        )
