"""Figures, from arrays."""

from thalweg.plots.chains import draw_chains
from thalweg.plots.images import draw_images
from thalweg.plots.landscape import draw_landscape
from thalweg.plots.style import figure, save_figure

__all__ = ["draw_chains", "draw_images", "draw_landscape", "figure", "save_figure"]
