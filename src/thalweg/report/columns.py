"""What is in each column: its kind, its gaps, its spread."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.data.columns import Schema
from thalweg.data.columns.column import Column
from thalweg.data.columns.filling import typed

BARS = 16
"""Of a small histogram"""

WORDS = 3
"""Of a column that are named"""


class ColumnFacts(NamedTuple):
    """What there is to say of a column."""

    name: str
    kind: str
    missing: int
    """cells without a value, or with one that it cannot have"""
    distinct: int
    middle: str
    """its range and middle, or its commonest words"""
    heights: list[float]
    """of the bars of a small histogram, at most 1; none of a column that takes no part"""
    bars: str
    """what the bars are, in words"""
    told: float | None
    """share of its spread that the other columns tell; None where that is not known"""


def facts_of(
    frame: pl.DataFrame, schema: Schema, rows: NDArray[np.floating], told: dict[str, float]
) -> list[ColumnFacts]:
    """Of every column of a frame, whose rows of numbers are (n, entries)."""
    read = typed(frame, schema)
    hidden = {column.name: np.isnan(rows[:, at]).any(axis=1) for column, at in schema.spans}
    return [
        _of(column, read[column.name], frame[column.name], hidden.get(column.name), told)
        for column in schema.columns
        if column.name in frame.columns
    ]


def _of(
    column: Column,
    values: pl.Series,
    cells: pl.Series,
    hidden: NDArray[np.bool_] | None,
    told: dict[str, float],
) -> ColumnFacts:
    missing = int(values.is_null().sum() if hidden is None else hidden.sum())
    shown = values.filter(~pl.Series(hidden)) if hidden is not None else values.drop_nulls()
    heights: list[float] = []
    middle, bars = "", ""
    if hidden is not None and len(shown):
        if shown.dtype.is_numeric():
            middle, heights, bars = _spread(shown.cast(pl.Float64).to_numpy())
        elif shown.dtype.is_temporal():
            seconds = shown.to_physical().cast(pl.Float64).to_numpy()
            order = shown.sort()
            middle = f"{order[0]} to {order[-1]}, middle {order[len(order) // 2]}"
            _, heights, _ = _spread(seconds)
            bars = f"counts from {order[0]} to {order[-1]}"
        else:
            middle, heights, bars = _words(shown)
    elif len(shown):
        middle = f"such as {shown[0]}"
    kind = column.kind
    return ColumnFacts(
        column.name, kind, missing, cells.n_unique(), middle, heights, bars, told.get(column.name)
    )


def _spread(values: NDArray[np.float64]) -> tuple[str, list[float], str]:
    low, middle, high = np.quantile(values, (0, 0.5, 1))
    # bars over where most is: a far value has the last bar to itself
    first, last = (float(end) for end in np.quantile(values, (0.01, 0.99)))
    if last <= first:
        first, last = float(low), float(high if high > low else low + 1)
    counts = np.histogram(np.clip(values, first, last), BARS, (first, last))[0]
    text = f"{short(low)} to {short(high)}, middle {short(middle)}"
    return text, _heights(counts), f"counts from {short(first)} to {short(last)}"


def _words(values: pl.Series) -> tuple[str, list[float], str]:
    counted = values.cast(pl.String).value_counts(sort=True, name="n")
    words, counts = counted[:, 0].to_list(), counted[:, 1].to_numpy()
    said = [f"{word} {n / len(values):.0%}" for word, n in
            zip(words[:WORDS], counts[:WORDS], strict=True)]  # fmt: skip
    more = len(words) - WORDS
    text = ", ".join(said) + (f" and {more} more" if more > 0 else "")
    return text, _heights(counts[:BARS]), "counts of words, the commonest first"


def _heights(counts: NDArray[np.int64]) -> list[float]:
    return [round(float(each), 3) for each in counts / max(1, counts.max())]


def short(value: float) -> str:
    """A number in as few digits as tell it."""
    return f"{value:.4g}" if abs(value) < 1e5 else f"{value:,.0f}"
