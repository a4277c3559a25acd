"""Rows of small images."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from thalweg.core import InputError
from thalweg.plots.style import HIDDEN


def draw_images(
    images: list[NDArray[np.floating]], labels: list[str], low: float, high: float, title: str = ""
) -> Figure:
    """A table of grey images: one row for each stack (n, height, width), labelled on the left.

    NaN pixels, the hidden ones, are orange.
    """
    count = max(len(stack) for stack in images)
    # 0.62 inches an image, and room for the labels
    size = (1.6 + 0.62 * count, 0.5 + 0.68 * len(images))
    drawn = Figure(figsize=size, dpi=120, layout="constrained")
    draw_tiles(drawn.subplots(), images, low, high, labels, title)
    return drawn


def draw_tiles(
    axes: Axes,
    images: ArrayLike | list[NDArray[np.floating]],
    low: float | None = None,
    high: float | None = None,
    labels: list[str] | None = None,
    title: str = "",
) -> None:
    """A table of grey images (rows, columns, height, width) in one place, with white between them.

    Rows may be of different lengths. NaN pixels, the hidden ones, are orange. Labels stand at the
    left of rows.
    """
    stacks = [np.asarray(stack, dtype=float) for stack in images]  # type: ignore[union-attr]
    if not stacks or any(stack.ndim != 3 for stack in stacks):
        shape = np.shape(images) if stacks else (0,)
        raise InputError(
            f"draw_tiles: images have shape {shape}; expected (rows, columns, height, width)"
        )
    rows, columns = len(stacks), max(len(stack) for stack in stacks)
    height, width = stacks[0].shape[1:]
    if labels is not None and len(labels) != rows:
        raise InputError(f"draw_tiles: {len(labels)} labels; expected {rows}, one a row")
    pixels = np.concatenate([stack.ravel() for stack in stacks])
    if (low is None or high is None) and not np.isfinite(pixels).any():
        raise InputError("draw_tiles: no pixel is a number; expected some, or low and high")
    low = float(np.nanmin(pixels)) if low is None else low
    high = float(np.nanmax(pixels)) if high is None else high
    axes.set_axis_off()
    for row, stack in enumerate(stacks):
        for column, image in enumerate(stack):
            left, top = column * 1.06 * width, row * 1.06 * height
            # matplotlib leaves NaN out: what lies behind shows
            axes.fill_between([left, left + width], top, top + height, color=HIDDEN, linewidth=0,
                              zorder=-1)  # fmt: skip
            axes.imshow(image, cmap="gray", vmin=low, vmax=high,
                        extent=(left, left + width, top + height, top))  # fmt: skip
        if labels is not None:
            axes.text(-0.15 * width, (row * 1.06 + 0.5) * height, labels[row], ha="right",
                      va="center", fontsize=9)  # fmt: skip
    axes.set(xlim=(0, (1.06 * columns - 0.06) * width), ylim=((1.06 * rows - 0.06) * height, 0))
    axes.set_title(title, fontsize=10)
