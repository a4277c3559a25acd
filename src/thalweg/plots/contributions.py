"""Which parts of things have most to do with their energies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from thalweg.core import InputError

WARM = "OrRd"
"""Colours of what speaks against a row"""

LONGEST = 18
"""Characters of a name or a value that are drawn"""


def draw_contributions(
    contribution: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str] | None,
    written: Sequence[Sequence[str]] | None = None,
    title: str = "",
) -> Figure:
    """A table of cells, the darker the more of its row's energy is there for it.

    Parameters
    ----------
    contribution : array (n, columns)
        NaN where there is no cell.
    rows, columns : names
        No names of columns where each row has cells of its own, as texts have.
    written : (n, columns) of str, optional
        What stands in the cells.
    title : str
    """
    values = np.asarray(contribution, dtype=float)
    if values.ndim != 2 or not values.size:
        raise InputError(
            f"draw_contributions: contribution has shape {values.shape}; expected (n, columns)"
        )
    n, wide = values.shape
    side = 0.95 if written is not None else 0.55
    drawn = Figure(figsize=(2.0 + side * wide, 1.4 + 0.34 * n), dpi=120, layout="constrained")
    axes = drawn.subplots()
    shown = axes.imshow(np.where(values > 0, values, np.where(np.isnan(values), np.nan, 0)),
                        cmap=WARM, aspect="auto", vmin=0)  # fmt: skip
    axes.set_yticks(range(n), [_short(name) for name in rows], fontsize=8)
    if columns is None:
        axes.set_xticks([])
    else:
        names = [_short(name) for name in columns]
        axes.set_xticks(range(wide), names, rotation=40, ha="right", fontsize=8)
    if written is not None:
        most = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
        for i, line in enumerate(written):
            for j, text in enumerate(line):
                # white on dark cells
                colour = "white" if values[i, j] > 0.6 * most > 0 else "#222222"
                axes.text(j, i, _short(text, 12), ha="center", va="center", fontsize=7,
                          color=colour)  # fmt: skip
    axes.set_frame_on(False)
    axes.tick_params(length=0)
    drawn.colorbar(shown, ax=axes, fraction=0.03, pad=0.01).set_label(
        "F minus F without it", fontsize=8
    )
    axes.set_title(title, fontsize=10)
    return drawn


def draw_maps(
    axes: Axes,
    images: NDArray[np.floating],
    contribution: NDArray[np.floating],
    usual: NDArray[np.floating],
    labels: Sequence[str],
    side: int,
    title: str = "",
) -> None:
    """Images, what in them is unusual, and what was expected: three rows of tiles.

    Parameters
    ----------
    images, usual : array (n, height, width[, channels])
        Of several channels their mean is drawn.
    contribution : array (n, rows, columns)
        Of squares.
    labels : n names
    side : int
        Of a square, in pixels.
    """
    grey = [each.mean(axis=-1) if each.ndim == 4 else each for each in (images, usual)]
    height, width = grey[0].shape[1:]
    low, high = (float(np.nanquantile(grey[0], q)) for q in (0, 1))
    most = float(contribution.max(initial=0)) or 1.0
    axes.set_axis_off()
    for column, label in enumerate(labels):
        left = column * 1.06 * width
        for row, image in enumerate((grey[0], grey[0], grey[1])):
            top = row * 1.06 * height
            extent = (left, left + width, top + height, top)
            axes.imshow(image[column], cmap="gray", vmin=low, vmax=high, extent=extent)
            if row == 1:
                wide = np.kron(contribution[column], np.ones((side, side)))[:height, :width]
                axes.imshow(wide, cmap=WARM, vmin=0, vmax=most, extent=extent,
                            alpha=np.clip(wide / most, 0, 0.9))  # fmt: skip
        axes.text(left + width / 2, -0.04 * height, _short(label, 12), ha="center", fontsize=8)
    for row, name in enumerate(("given", "unusual", "expected")):
        axes.text(-0.08 * width, (row * 1.06 + 0.5) * height, name, ha="right", va="center",
                  fontsize=9)  # fmt: skip
    axes.set(
        xlim=(-0.75 * width, (1.06 * len(labels) - 0.06) * width),
        ylim=(3.12 * height, -0.2 * height),
    )
    axes.set_title(title, fontsize=10)


def _short(text: str, longest: int = LONGEST) -> str:
    text = text.replace("$", r"\$").replace("\n", " ")
    return text if len(text) <= longest else text[: longest - 1] + "…"
