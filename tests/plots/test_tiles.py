"""Tables of images."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb

from thalweg.core import InputError
from thalweg.plots import draw_tiles, figure
from thalweg.plots.style import HIDDEN


def colours(drawn):
    """Every colour of a drawn figure (n, 3), from 0 to 1."""
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    return np.unique(np.asarray(canvas.buffer_rgba())[..., :3].reshape(-1, 3), axis=0) / 255


def test_tiles_stand_side_by_side_without_touching():
    drawn = figure(4, 4)
    draw_tiles(drawn.axes[0], np.random.default_rng(0).random((2, 3, 4, 5)), labels=["a", "b"])
    places = [image.get_extent() for image in drawn.axes[0].images]
    assert len(places) == 6
    lefts, tops = ({place[i] for place in places} for i in (0, 3))
    assert len(lefts) == 3
    assert len(tops) == 2
    assert min(np.diff(sorted(lefts))) > 5
    assert min(np.diff(sorted(tops))) > 4


def test_what_is_hidden_is_seen():
    grey = np.full((1, 1, 4, 4), 0.5)
    hidden = grey.copy()
    hidden[0, 0, :2] = np.nan
    for images, expected in ((grey, False), (hidden, True)):
        drawn = figure(2, 2)
        draw_tiles(drawn.axes[0], images, 0, 1)
        there = (np.abs(colours(drawn) - to_rgb(HIDDEN)).max(axis=1) < 0.01).any()
        assert there == expected


def test_all_tiles_share_their_range():
    drawn = figure(2, 2)
    draw_tiles(drawn.axes[0], np.stack([np.zeros((2, 2)), np.full((2, 2), 8.0)])[None])
    assert {image.get_clim() for image in drawn.axes[0].images} == {(0.0, 8.0)}


def test_a_stack_of_another_form_is_refused():
    with pytest.raises(InputError, match=r"\(2, 4, 5\); expected \(rows, columns"):
        draw_tiles(figure(2, 2).axes[0], np.zeros((2, 4, 5)))


def test_what_cannot_be_drawn_is_said():
    axes = figure(2, 2).axes[0]
    with pytest.raises(InputError, match="1 labels; expected 2"):
        draw_tiles(axes, np.zeros((2, 1, 4, 4)), labels=["a"])
    with pytest.raises(InputError, match="no pixel is a number"):
        draw_tiles(axes, np.full((1, 1, 4, 4), np.nan))
