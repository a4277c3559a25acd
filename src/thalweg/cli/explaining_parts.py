"""Which parts of images, clips and texts these are unusual for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from thalweg.cli.reading import runs_of
from thalweg.data.image_files import ImageFiles
from thalweg.energies.frames import CELL
from thalweg.estimators.base.explanation import Squares
from thalweg.plots import draw_contributions, draw_maps, figure

SHOWN = 8
"""Images, clips and texts of a figure, at most"""

LONGEST = 24
"""Tokens of a text in a figure, at most: those about the one that says most"""

Told = tuple[pl.DataFrame, Figure | None]


def of_images(fitted: Any, asked: Any, top: int, draw: bool) -> Told:
    """Squares: where their upper left corner is, and the means of their pixels."""
    said = fitted.explain(asked)
    flat = asked.take(np.arange(len(asked)))
    squares = Squares((1, *fitted.shape_), fitted.patch)
    value, usual = (squares.means(each.reshape(len(flat), -1))[:, 0] for each in (flat, said.usual))
    places = said.most(top)
    i, row, column = np.array(places, dtype=np.int64).reshape(-1, 3).T
    answers = pl.DataFrame(
        {
            "image": i, "row": fitted.patch * row, "column": fitted.patch * column,
            "share": said.contribution[i, row, column], "value": value[i, row, column],
            "usual": usual[i, row, column],
        }
    )  # fmt: skip
    names = [str(k) for k in range(len(flat))]
    if isinstance(asked, ImageFiles):
        names = list(asked.names)
        answers = answers.insert_column(0, pl.Series("file", [names[k] for k in i], pl.String))
        answers = answers.drop("image")
    shown = list(dict.fromkeys(i.tolist()))[:SHOWN]
    if not draw or not shown:
        return answers, None
    images = flat[shown].reshape(len(shown), *fitted.shape_)
    expected = said.usual[shown].reshape(images.shape)
    drawn = _maps(images, said.contribution[shown], expected, [names[k] for k in shown],
                  fitted.patch)  # fmt: skip
    return answers, drawn


def of_clips(fitted: Any, asked: Any, top: int, draw: bool) -> Told:
    """Squares of the frames that follow: clip, frame, where they are, the means of their pixels."""
    table, runs = runs_of(fitted, asked)
    given, after = runs[:, : fitted.context], runs[:, fitted.context :]
    said = fitted.explain(given, after)
    height, width, channels = fitted.shape_
    squares = Squares((fitted.horizon, height, width, channels), CELL)
    value, usual = (squares.means(each.reshape(len(runs), -1)) for each in (after, said.usual))
    places = np.array(said.most(top), dtype=np.int64).reshape(-1, 4)
    i, step, row, column = places.T
    last = table["frame"].to_numpy()[i]
    answers = pl.DataFrame(
        {
            "clip": table["clip"].to_numpy()[i], "frame": last - fitted.horizon + 1 + step,
            "row": CELL * row, "column": CELL * column,
            "share": said.contribution[i, step, row, column], "value": value[i, step, row, column],
            "usual": usual[i, step, row, column],
        }
    )  # fmt: skip
    shown = list(dict.fromkeys((int(a), int(b)) for a, b in places[:, :2]))[:SHOWN]
    if not draw or not shown:
        return answers, None
    which, when = (list(each) for each in zip(*shown, strict=True))
    shape = (len(runs), fitted.horizon, height, width, channels)
    names = [f"{table['clip'][k]}:{table['frame'][k] - fitted.horizon + 1 + t}" for k, t in shown]
    pictures = (each.reshape(shape)[which, when] for each in (after, np.asarray(said.usual)))
    images, expected = pictures
    return answers, _maps(images, said.contribution[which, when], expected, names, CELL)


def of_texts(fitted: Any, asked: Any, top: int, draw: bool) -> Told:
    """Tokens: of which line, where in it, and what is expected in their place."""
    said = fitted.explain(asked)
    places = said.most(top)
    answers = pl.DataFrame(
        {
            "line": [i for i, _ in places], "token": [j for _, j in places],
            "share": [float(said.contribution[i][j]) for i, j in places],
            "value": [said.columns[i][j] for i, j in places],
            "usual": [said.usual[i][j] for i, j in places],
        },
        schema={"line": pl.Int64, "token": pl.Int64, "share": pl.Float64, "value": pl.String,
                "usual": pl.String},
    )  # fmt: skip
    firsts = dict(reversed(places))
    shown = list(dict.fromkeys(i for i, _ in places))[:SHOWN]
    if not draw or not shown:
        return answers, None
    starts = {i: max(0, min(firsts[i] - LONGEST // 2, len(said.columns[i]) - LONGEST))
              for i in shown}  # fmt: skip
    wide = max(min(LONGEST, len(said.columns[i])) for i in shown)
    values = np.full((len(shown), wide), np.nan)
    written = []
    for line, i in zip(values, shown, strict=True):
        part = slice(starts[i], starts[i] + LONGEST)
        line[: len(said.contribution[i][part])] = said.contribution[i][part]
        written.append(said.columns[i][part])
    names = [f"line {i}" for i in shown]
    return answers, draw_contributions(values, names, None, written, "what texts are unusual for")


def _maps(images: Any, contribution: Any, usual: Any, names: list[str], side: int) -> Figure:
    drawn = figure(1.4 + 1.1 * len(names), 4.0)
    draw_maps(drawn.axes[0], images, contribution, usual, names, side)
    return drawn


PARTS: dict[str, Callable[[Any, Any, int, bool], Told]] = {
    "images": of_images, "clips": of_clips, "texts": of_texts,
}  # fmt: skip
"""By what a model is about"""
