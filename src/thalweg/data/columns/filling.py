"""Answers put into a table: missing cells filled, or all that took part replaced."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.data.columns.column import BadCells, Column
from thalweg.data.columns.dates import COMPACT
from thalweg.data.columns.frames import put_in
from thalweg.data.columns.missing import cells_of
from thalweg.data.columns.moment import Moment
from thalweg.data.columns.number import Number, numbers_of
from thalweg.data.columns.numerals import PLAIN
from thalweg.data.columns.schema import Schema
from thalweg.data.columns.word import Truth


def filled(
    given: Any,
    raw: pl.DataFrame,
    schema: Schema,
    rows: NDArray[np.floating],
    hidden: NDArray[np.bool_],
) -> Any:
    """A data frame with every missing cell filled from rows, the others as they were.

    Cells that were bad are filled too, and columns that are not there are added. ``raw`` are the
    columns of the frame, ``rows`` (n, width) without NaN, ``hidden`` (n, width) what was.
    """
    decoded = schema.decode(rows)
    for column, at in schema.spans:
        where = np.asarray(hidden[:, at].any(axis=1))
        if where.any():
            kind = raw.schema.get(column.name)
            given = put_in(given, column.name, where, _fit(column, decoded[column.name], kind))
    return given


def _fit(column: Column, values: pl.Series, kind: pl.DataType | None) -> pl.Series:
    """Values as what a column of such cells holds: texts, days as numbers, or what they are."""
    if kind is None:
        return values
    if kind == pl.String:
        return column.written(values)
    if kind.is_numeric() and isinstance(column, Moment) and column.form == COMPACT:
        return column.written(values).cast(pl.Int64)
    return values


def replaced(given: Any, raw: pl.DataFrame, schema: Schema, rows: NDArray[np.floating]) -> Any:
    """A data frame in which all columns that take part have the values of rows (n, width)."""
    decoded = schema.decode(rows)
    every = np.ones(len(rows), bool)
    for column, _ in schema.spans:
        kind = raw.schema.get(column.name)
        given = put_in(given, column.name, every, _fit(column, decoded[column.name], kind))
    return given


def written(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Decoded columns, dates, times and amounts as texts of the format that they came in."""
    result = []
    for values in frame.iter_columns():
        column = schema.by_name[values.name]
        styled = isinstance(column, Number) and column.style != PLAIN
        styled = styled or (isinstance(column, Moment) and column.form is not None)
        result.append(column.written(values).alias(values.name) if styled else values)
    return pl.DataFrame(result)


def typed(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Columns of texts as what they are of, for files that have types: numbers, truths, dates."""
    result = []
    for values in frame.iter_columns():
        column = schema.by_name.get(values.name)
        if values.dtype != pl.String or column is None:
            result.append(values)
            continue
        cells = cells_of(values, none=True)
        if isinstance(column, Number):
            numbers = numbers_of(cells, column.style)
            result.append(
                numbers.cast(pl.Int64) if column.whole and _are_whole(numbers) else numbers
            )
        elif isinstance(column, Truth):
            block = column.encode(cells, BadCells())
            truth = pl.Series(values.name, block[:, 1]).fill_nan(None).cast(pl.Boolean)
            result.append(truth)
        elif isinstance(column, Moment):
            result.append(column.moments_of(cells))
        else:
            result.append(values)
    return pl.DataFrame(result)


def _are_whole(numbers: pl.Series) -> bool:
    return bool(((numbers == numbers.round()) & (numbers.abs() < 2**53)).all())
