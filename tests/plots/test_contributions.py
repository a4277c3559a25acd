"""Cells, squares and tokens that are unusual."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from thalweg.core import InputError
from thalweg.plots import draw_contributions, draw_maps, figure


def test_cells_are_as_dark_as_they_say_something():
    values = np.array([[0.0, 4.0, -1.0], [1.0, np.nan, 2.0]])
    drawn = draw_contributions(
        values, ["a", "b"], ["x", "y", "z$"], [["1", "2", "3"], ["4", "", ""]]
    )
    FigureCanvasAgg(drawn).draw()
    axes = drawn.axes[0]
    shown = axes.images[0].get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(shown), np.isnan(values))
    assert shown[0, 2] == 0
    assert shown.max() == 4
    assert [text.get_text() for text in axes.get_xticklabels()] == ["x", "y", r"z\$"]
    colours = {text.get_text(): text.get_color() for text in axes.texts}
    assert colours["2"] == "white" != colours["1"]


def test_nothing_to_draw_is_said():
    with pytest.raises(InputError, match=r"shape \(0,\); expected \(n, columns\)"):
        draw_contributions([], [], [])


def test_maps_lie_over_their_images():
    random = np.random.default_rng(0)
    images, usual = random.random((2, 2, 6, 5, 3))
    contribution = np.zeros((2, 3, 3))
    contribution[1, 2, 2] = 5
    drawn = figure(4, 4)
    draw_maps(drawn.axes[0], images, contribution, usual, ["one", "two"], 2)
    FigureCanvasAgg(drawn).draw()
    shown = drawn.axes[0].images
    assert len(shown) == 2 * 4
    maps = [image for image in shown if image.get_cmap().name == "OrRd"]
    assert all(image.get_array().shape == (6, 5) for image in maps)
    # the corner, cut where the image ends
    np.testing.assert_array_equal(np.argwhere(maps[1].get_array() > 0), [[4, 4], [5, 4]])
    np.testing.assert_allclose(shown[0].get_array(), images[0].mean(axis=-1))
