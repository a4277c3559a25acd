"""Rows of small images."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray


def draw_images(
    images: list[NDArray[np.floating]], labels: list[str], low: float, high: float, title: str = ""
) -> Figure:
    """A table of grey images: one row for each stack (n, height, width), labelled on the left.

    NaN pixels, the hidden ones, are red.
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
            axes.set_facecolor("#e07a5f")
            axes.imshow(stack[column], cmap="gray", vmin=low, vmax=high)
        all_axes[row][0].set_ylabel(label, rotation=0, ha="right", va="center")
    drawn.suptitle(title)
    return drawn
