"""Figures, from arrays."""

from thalweg.plots.chains import draw_chains
from thalweg.plots.images import draw_images, draw_tiles
from thalweg.plots.landscape import draw_landscape
from thalweg.plots.style import COLOURS, figure, save_figure

__all__ = [
    "COLOURS",
    "draw_chains",
    "draw_images",
    "draw_landscape",
    "draw_tiles",
    "figure",
    "save_figure",
]
