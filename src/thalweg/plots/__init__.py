"""Figures, from arrays."""

from thalweg.plots.chains import draw_chains
from thalweg.plots.contributions import draw_contributions, draw_maps
from thalweg.plots.diagram import Node, draw_diagram
from thalweg.plots.images import draw_images, draw_tiles
from thalweg.plots.landscape import draw_change, draw_landscape
from thalweg.plots.style import COLOURS, figure, save_figure

__all__ = [
    "COLOURS",
    "Node",
    "draw_chains",
    "draw_change",
    "draw_contributions",
    "draw_diagram",
    "draw_images",
    "draw_landscape",
    "draw_maps",
    "draw_tiles",
    "figure",
    "save_figure",
]
