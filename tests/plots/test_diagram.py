"""Models as boxes and arrows, and what changes an energy."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from thalweg.core import InputError
from thalweg.plots import Node, draw_change, draw_diagram, figure

NODES = {
    "x": Node(0.1, 0.3, "given", "observed"),
    "z": Node(0.1, 0.7, "z", "latent"),
    "E": Node(0.8, 0.5, "E", "cost"),
}


def test_arrows_go_from_the_edge_of_a_box_to_the_edge_of_another():
    drawn = figure(4, 4)
    axes = drawn.axes[0]
    draw_diagram(axes, NODES, [("x", "E"), ("z", "E")], "F(x)")
    FigureCanvasAgg(drawn).draw()
    words = [text for text in axes.texts if text.get_text()]
    assert [text.get_text() for text in words] == ["given", "z", "E"]
    arrows = [text.arrow_patch for text in axes.texts if not text.get_text()]
    boxes = [text.get_bbox_patch().get_window_extent() for text in words]
    for arrow, begin in zip(arrows, boxes[:2], strict=True):
        drew = arrow.get_window_extent()
        assert begin.x1 - 12 < drew.x0 < drew.x1 < boxes[2].x0 + 5


@pytest.mark.parametrize(
    ("nodes", "arrows", "expected"),
    [
        (NODES, [("x", "y")], "an arrow from x to y; expected names among x, z, E"),
        ({"x": Node(0, 0, "x", "seen")}, [], "x has kind 'seen'; expected one of observed, latent"),
    ],
)
def test_what_is_not_there_is_said(nodes, arrows, expected):
    with pytest.raises(InputError, match=expected):
        draw_diagram(figure(4, 4).axes[0], nodes, arrows)


def test_no_change_is_white_and_up_is_red():
    axis = np.linspace(-1, 1, 41)
    drawn = figure(4, 4)
    draw_change(drawn.axes[0], axis, axis, np.where(axis > 0.5, 1.0, 0.0) * np.ones((41, 41)))
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())
    box = drawn.axes[0].get_window_extent()
    row = picture[len(picture) - int(box.y0 + box.height / 2)]
    still = row[int(box.x0 + 0.3 * box.width), :3].astype(int)
    up = row[int(box.x0 + 0.95 * box.width), :3].astype(int)
    assert still.min() > 235
    assert up[0] > up[2] + 40
