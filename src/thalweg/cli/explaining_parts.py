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
from thalweg.estimators.base.explanation import Explanation, Squares
from thalweg.plots import draw_contributions, draw_maps, figure

SHOWN = 8
"""Images, clips and texts of a figure, at most"""

LONGEST = 24
"""Tokens of a text in a figure, at most: those about the one that says most"""

Told = tuple[pl.DataFrame, Figure | None]


def of_images(fitted: Any, asked: Any, top: int, draw: bool) -> Told:
    """Squares: where their upper left corner is, and the means of their pixels."""
    contribution = fitted.explain(asked, usual=False).contribution
    said = Explanation(contribution, None, None)
    i, row, column = np.array(said.most(top), dtype=np.int64).reshape(-1, 3).T
    # what is usual is asked of the images alone that there is something to tell of
    chosen, place = np.unique(i, return_inverse=True)
    given = np.asarray(asked.take(chosen)).reshape(len(chosen), *fitted.shape_)
    usual = np.zeros_like(given)
    if len(chosen):
        shown = given[..., 0] if asked.grey else given
        usual = np.asarray(fitted.explain(shown).usual).reshape(given.shape)
    squares = Squares((1, *fitted.shape_), fitted.patch)
    value, expected = (
        squares.means(each.reshape(len(chosen), -1))[:, 0] for each in (given, usual)
    )
    answers = pl.DataFrame(
        {
            "image": i, "row": fitted.patch * row, "column": fitted.patch * column,
            "share": contribution[i, row, column], "value": value[place, row, column],
            "usual": expected[place, row, column],
        }
    )  # fmt: skip
    names = [str(k) for k in chosen]
    if isinstance(asked, ImageFiles):
        names = [asked.names[k] for k in chosen]
        files = pl.Series("file", [names[k] for k in place], pl.String)
        answers = answers.drop("image").insert_column(0, files)
    first = list(dict.fromkeys(place.tolist()))[:SHOWN]
    if not draw or not first:
        return answers, None
    drawn = _maps(given[first], contribution[chosen[first]], usual[first],
                  [names[k] for k in first], fitted.patch)  # fmt: skip
    return answers, drawn


def of_clips(fitted: Any, asked: Any, top: int, draw: bool) -> Told:
    """Squares of the frames that follow: clip, frame, where they are, the means of their pixels."""
    table, runs = runs_of(fitted, asked)
    given, after = runs[:, : fitted.context], runs[:, fitted.context :]
    contribution = fitted.explain(given, after, usual=False).contribution
    places = np.array(Explanation(contribution, None, None).most(top), dtype=np.int64)
    i, step, row, column = places.reshape(-1, 4).T
    chosen, place = np.unique(i, return_inverse=True)
    height, width, channels = fitted.shape_
    shape = (len(chosen), fitted.horizon, height, width, channels)
    there, usual = after[chosen].reshape(shape), np.zeros(shape)
    if len(chosen):
        usual = np.asarray(fitted.explain(given[chosen], after[chosen]).usual).reshape(shape)
    squares = Squares(shape[1:], CELL)
    value, expected = (squares.means(each.reshape(len(chosen), -1)) for each in (there, usual))
    first = table["frame"].to_numpy()[i] - fitted.horizon + 1
    answers = pl.DataFrame(
        {
            "clip": table["clip"].to_numpy()[i], "frame": first + step,
            "row": CELL * row, "column": CELL * column,
            "share": contribution[i, step, row, column], "value": value[place, step, row, column],
            "usual": expected[place, step, row, column],
        }
    )  # fmt: skip
    shown = list(dict.fromkeys(zip(place.tolist(), step.tolist(), strict=True)))[:SHOWN]
    if not draw or not shown:
        return answers, None
    which, when = (list(each) for each in zip(*shown, strict=True))
    starts = table["frame"].to_numpy()[chosen] - fitted.horizon + 1
    names = [f"{table['clip'][int(chosen[k])]}:{starts[k] + t}" for k, t in shown]
    return answers, _maps(
        there[which, when], contribution[chosen[which], when], usual[which, when], names, CELL
    )


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
