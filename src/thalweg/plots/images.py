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
    drawn = Figure(
        figsize=(1.6 + 0.62 * count, 0.5 + 0.68 * len(images)), dpi=120, layout="constrained"
    )
    all_axes = drawn.subplots(len(images), count, squeeze=False)
    for row, (stack, label) in enumerate(zip(images, labels, strict=True)):
        for column, axes in enumerate(all_axes[row]):
            axes.set_xticks([])
            axes.set_yticks([])
            if column >= len(stack):
                axes.set_axis_off()
                continue
            axes.set_facecolor(HIDDEN)
            axes.imshow(stack[column], cmap="gray", vmin=low, vmax=high)
        all_axes[row][0].set_ylabel(label, rotation=0, ha="right", va="center")
    drawn.suptitle(title)
    return drawn


def draw_tiles(
    axes: Axes,
    images: ArrayLike,
    low: float | None = None,
    high: float | None = None,
    labels: list[str] | None = None,
    title: str = "",
) -> None:
    """A table of grey images (rows, columns, height, width) in one place, with white between them.

    NaN pixels, the hidden ones, are orange. Labels stand at the left of rows.
    """
    stack = np.asarray(images, dtype=float)
    if stack.ndim != 4:
        raise InputError(
            f"draw_tiles: images have shape {stack.shape}; expected (rows, columns, height, width)"
        )
    rows, columns, height, width = stack.shape
    if labels is not None and len(labels) != rows:
        raise InputError(f"draw_tiles: {len(labels)} labels; expected {rows}, one a row")
    if (low is None or high is None) and not np.isfinite(stack).any():
        raise InputError("draw_tiles: no pixel is a number; expected some, or low and high")
    low = float(np.nanmin(stack)) if low is None else low
    high = float(np.nanmax(stack)) if high is None else high
    axes.set_axis_off()
    for row in range(rows):
        for column in range(columns):
            left, top = column * 1.06 * width, row * 1.06 * height
            # matplotlib leaves NaN out: what lies behind shows
            axes.fill_between([left, left + width], top, top + height, color=HIDDEN, linewidth=0,
                              zorder=-1)  # fmt: skip
            axes.imshow(
                stack[row, column], cmap="gray", vmin=low, vmax=high,
                extent=(left, left + width, top + height, top),
            )  # fmt: skip
        if labels is not None:
            axes.text(-0.15 * width, (row * 1.06 + 0.5) * height, labels[row], ha="right",
                      va="center", fontsize=9)  # fmt: skip
    axes.set(xlim=(0, (1.06 * columns - 0.06) * width), ylim=((1.06 * rows - 0.06) * height, 0))
    axes.set_title(title, fontsize=10)
