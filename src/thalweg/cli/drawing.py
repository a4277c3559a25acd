"""A model's energy as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from thalweg import questions
from thalweg.cli.reading import Reading, opened
from thalweg.core import InputError
from thalweg.data.columns import Schema, Table
from thalweg.data.columns.moment import Moment
from thalweg.data.columns.number import Number
from thalweg.plots import draw_landscape, figure, save_figure

SHOWN = 10_000
"""Rows drawn, at most"""

MOST_HIDDEN = 80
"""Grid points a side, at most, where other columns are hidden and have to be found"""


def map_of(
    model: str, data: str, out: str, resolution: int, columns: str | None, reading: Reading
) -> None:
    """The energy over two columns of a table, or over the two widest directions of an array."""
    if Path(out).suffix.lower() not in (".png", ".svg", ".pdf"):
        raise InputError(f"{out}: expected a name that ends in .png, .svg or .pdf")
    fitted, asked = opened(model, data, out, reading)
    if fitted.about in ("images", "photos", "clips", "texts"):
        raise InputError(
            f"{type(fitted).__name__} has no plane to draw: its rows are no points of one"
        )
    title = Path(model).name
    if isinstance(asked, np.ndarray) or len(_drawable(fitted.table_)) < 2:
        if columns is not None:
            raise InputError(f"--columns {columns}: expected a table with two columns of numbers")
        _map_of_plane(fitted, asked, out, resolution, title)
    else:
        _map_of_columns(fitted, asked, out, resolution, columns, title)


def _drawable(schema: Schema) -> list[str]:
    """Columns that an axis can have: numbers and dates."""
    return [
        each.name
        for each in schema.columns
        if isinstance(each, Number) or (isinstance(each, Moment) and each.holds != "time")
    ]


def _map_of_columns(
    fitted: Any, asked: Table, out: str, resolution: int, columns: str | None, title: str
) -> None:
    """Over two columns, in their own units; what else there is, is hidden."""
    schema: Schema = fitted.table_
    given, _ = asked.encoded(schema)
    shown = np.asarray(given[:: -(-len(given) // SHOWN)])
    names = _chosen(schema, shown, columns)
    places = [schema.places(name) for name in names]
    first, second = (place[0] for place in places if place)
    at = shown[:, [first, second]]
    at = at[~np.isnan(at).any(axis=1)]
    if len(at) == 0:
        raise InputError(f"{asked.name}: no row has both {names[0]!r} and {names[1]!r}")
    low, high = at.min(axis=0), at.max(axis=0)
    margin = 0.1 * np.maximum(high - low, 1e-9)
    alone = schema.layout.width == 2
    side = resolution if alone else min(resolution, MOST_HIDDEN)
    a, b = (np.linspace(low[i] - margin[i], high[i] + margin[i], side) for i in (0, 1))
    grid = np.full((side * side, schema.layout.width), np.nan)
    for name, values in zip(names, np.meshgrid(a, b), strict=True):
        _place(schema, grid, name, values.reshape(-1))
    energy = fitted.energy(grid).reshape(side, side)
    points = np.full((len(at), schema.layout.width), np.nan)
    for name, values in zip(names, at.T, strict=True):
        _place(schema, points, name, values)
    near = float(np.quantile(fitted.energy(points), 0.99))
    result, axes = _drawn(a, b, energy, near, at, title)
    axes.set_aspect("auto")
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    for name, axis in zip(names, (axes.xaxis, axes.yaxis), strict=True):
        if isinstance(schema.by_name[name], Moment):
            axis.axis_date()
            axis.set_tick_params(labelsize=7)
    save_figure(result, out)


def _place(
    schema: Schema, rows: NDArray[np.floating], name: str, values: NDArray[np.floating]
) -> None:
    """Write values of a column of numbers or dates, with what follows from them."""
    column = schema.by_name[name]
    place = schema.places(name)
    assert place is not None
    if isinstance(column, Moment):
        rows[:, list(place)] = column.entries_of(values)
    else:
        rows[:, place[0]] = values


def _chosen(schema: Schema, shown: NDArray[np.floating], columns: str | None) -> tuple[str, str]:
    """The columns that were said, or the two that vary most together with the others."""
    known = _drawable(schema)
    if columns is not None:
        names = tuple(name.strip() for name in columns.split(","))
        if len(names) != 2 or not set(names) <= set(known) or names[0] == names[1]:
            raise InputError(
                f"--columns {columns}: expected two of {', '.join(known)}, with a comma between"
            )
        return names[0], names[1]
    numbers = [name for name in known if isinstance(schema.by_name[name], Number)]
    candidates = numbers if len(numbers) >= 2 else known
    firsts = [place[0] for name in candidates if (place := schema.places(name))]
    values = shown[:, firsts]
    ranks = np.argsort(np.argsort(np.where(np.isnan(values), np.nanmedian(values, axis=0), values),
                                  axis=0), axis=0)  # fmt: skip
    related = np.abs(np.nan_to_num(np.corrcoef(ranks.T)))
    np.fill_diagonal(related, -1)
    i, j = np.unravel_index(int(related.argmax()), related.shape)
    i, j = min(i, j), max(i, j)
    return candidates[int(i)], candidates[int(j)]


def _map_of_plane(fitted: Any, asked: Any, out: str, resolution: int, title: str) -> None:
    """Over the plane of the two directions in which the rows are widest."""
    like = next(fitted.energy_.parameters())
    filled = fitted.rows_of(fitted.complete(asked))
    whole = torch.from_numpy(np.array(filled)).to(like)
    plane = questions.plane_of(whole)
    at = plane.coordinates(whole)
    low, high = at.min(dim=0).values, at.max(dim=0).values
    margin = 0.15 * (high - low).clamp_min(1e-6)
    bottom, top = (low - margin).tolist(), (high + margin).tolist()
    drawn = questions.landscape(
        fitted.energy_, plane, (bottom[0], bottom[1]), (top[0], top[1]), resolution
    )
    shown = at[:: -(-len(at) // SHOWN)]
    with torch.no_grad():
        near = float(fitted.energy_(plane.points(shown)).quantile(0.99))
    result, axes = _drawn(drawn.a, drawn.b, drawn.energy.numpy(), near, at.numpy(), title)
    axes.set_xlabel("first direction" if whole.shape[1] > 2 else "y1")
    axes.set_ylabel("second direction" if whole.shape[1] > 2 else "y2")
    save_figure(result, out)


def _drawn(
    a: ArrayLike,
    b: ArrayLike,
    energy: NDArray[np.floating],
    near: float,
    at: NDArray[np.floating],
    title: str,
) -> tuple[Figure, Axes]:
    """The figure: colours for where the data are, whose energies end near ``near``.

    Far from them energies may be any number.
    """
    result = figure(6.4, 5.2)
    axes = result.axes[0]
    lowest = float(energy.min())
    heights = np.minimum(energy, lowest + 1.5 * max(near - lowest, 1e-6))
    draw_landscape(axes, a, b, heights, at, title=title)
    return result, axes
