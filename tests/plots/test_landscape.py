"""Energies as filled contours."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from thalweg.plots import draw_landscape, figure


@pytest.mark.parametrize(("floor", "first"), [(2e-7, "0"), (5.0, "5"), (-3.0, "-3")])
def test_the_colour_bar_says_the_energies(floor, first):
    axis = np.linspace(-1, 1, 21)
    heights = floor + 4 * np.add.outer(axis**2, axis**2)
    drawn = figure(4, 4)
    draw_landscape(drawn.axes[0], axis, axis, heights)
    FigureCanvasAgg(drawn).draw()
    said = [text.get_text() for text in drawn.axes[1].get_yticklabels()]
    assert said[0] == first
    values = [float(text) for text in said]
    np.testing.assert_allclose(np.diff(values, prepend=values[0])[1:] > 0, True)
    # two digits
    assert values[-1] == pytest.approx(floor + 8, rel=0.05)
