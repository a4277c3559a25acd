"""Energies as filled contours, and what changes them."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from thalweg.plots.style import DATA, VALLEY, WELL


def draw_landscape(
    axes: Axes,
    a: ArrayLike,
    b: ArrayLike,
    energy: NDArray[np.floating],
    data: NDArray[np.floating] | None = None,
    wells: NDArray[np.floating] | None = None,
    title: str = "",
) -> None:
    """Filled contours of an energy (rows follow b), with data points and wells on top.

    Levels are spaced by the square root of the energy over its lowest, so that a valley and the
    slopes far from it both show; a quadratic slope has evenly spaced lines.
    """
    floor = float(energy.min())
    top = max(float(np.sqrt(energy.max() - floor)), 1e-12)
    levels = floor + np.linspace(0, top, 25) ** 2
    # "max" alone: the lowest level is the lowest energy, so nothing lies below
    filled = axes.contourf(a, b, energy, levels=levels, cmap=VALLEY, extend="max")
    figure = axes.get_figure()
    assert figure is not None
    figure.colorbar(
        filled,
        ax=axes,
        label="energy F",
        fraction=0.046,
        pad=0.04,
        ticks=levels[::6],
        # the lowest of a grid is no news
        format=lambda height, _: "0" if abs(height) < 1e-3 * top**2 else f"{height:.2g}",
    )
    if data is not None:
        axes.scatter(data[:, 0], data[:, 1], s=3, c=DATA, alpha=0.6, linewidths=0, label="data")
    if wells is not None:
        axes.scatter(
            wells[:, 0],
            wells[:, 1],
            s=28,
            c=WELL,
            edgecolors="white",
            linewidths=0.7,
            label="wells",
        )
    axes.set_title(title, fontsize=10)


def draw_change(
    axes: Axes, a: ArrayLike, b: ArrayLike, change: NDArray[np.floating], title: str = ""
) -> None:
    """Filled contours of what is added to an energy (rows follow b): red is up, blue is down."""
    reach = max(float(np.abs(change).max()), 1e-12)
    filled = axes.contourf(a, b, change, np.linspace(-reach, reach, 26), cmap="RdBu_r")
    figure = axes.get_figure()
    assert figure is not None
    figure.colorbar(filled, ax=axes, label="change of F", fraction=0.046, pad=0.04, format="%.2g")
    axes.set_title(title, fontsize=10)
