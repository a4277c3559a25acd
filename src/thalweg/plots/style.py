"""How figures look and how they are kept."""

from __future__ import annotations

import os

from matplotlib.figure import Figure

from thalweg.core import write_beside

VALLEY = "viridis"
"""Colours of an energy: dark is low."""
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9")
"""Of lines and bars: Okabe and Ito's, which can be told apart by eyes that lack some"""
DATA = "#f4f1de"
WELL = "#d55e00"
HIDDEN = "#e69f00"


def figure(width: float, height: float, rows: int = 1, columns: int = 1) -> Figure:
    """An empty figure with its axes, apart from pyplot and so from any window or global state."""
    result = Figure(figsize=(width, height), dpi=120, layout="constrained")
    result.subplots(rows, columns, squeeze=False)
    return result


def save_figure(drawn: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure, in the format of the path's ending, whole or not at all."""
    with write_beside(path) as beside:
        drawn.savefig(beside)
