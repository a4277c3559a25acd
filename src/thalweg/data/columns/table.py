"""A table: raw columns, in memory or in a file, from which a model takes what it learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.core import InputError
from thalweg.data.columns.column import BadCells
from thalweg.data.columns.frames import is_frame, put_in, raw_columns
from thalweg.data.columns.missing import cells_of
from thalweg.data.columns.schema import Schema


class Table:
    """Columns as they were written, whose kinds a model finds when it is fitted.

    Estimators take one as X: words, dates and numbers in units of their own, which are scaled.
    ``thalweg.read_table`` reads one from a file.

    Parameters
    ----------
    frame : DataFrame
        Of polars, pandas or pyarrow.
    name : str, default "X"
        What messages call it.
    decimal : {".", ","}, optional
        The decimal mark of its texts, where it is known.
    bad_cells : {"hide", "refuse"}, default "hide"
        What becomes of a cell that cannot be what its column is: it is missing, and is told of; or
        it is an error.

    Examples
    --------
    >>> import polars as pl
    >>> from thalweg.estimators import KMeans
    >>> frame = pl.DataFrame({"size": [1.0, 1.2, 9.0, 9.1], "kind": ["a", "a", "b", "b"]})
    >>> model = KMeans(2, random_state=0).fit(Table(frame))
    >>> model.complete(Table(pl.DataFrame({"size": [9.2], "kind": [None]}))).frame["kind"][0]
    'b'
    """

    def __init__(
        self,
        frame: Any,
        name: str = "X",
        decimal: str | None = None,
        bad_cells: str = "hide",
    ) -> None:
        if bad_cells not in ("hide", "refuse"):
            raise InputError(f"bad_cells must be 'hide' or 'refuse', got {bad_cells!r}")
        if decimal not in (None, ".", ","):
            raise InputError(f"decimal must be '.' or ',', got {decimal!r}")
        if not is_frame(frame):
            raise InputError(
                f"Table: expected a data frame of polars, pandas or pyarrow, got "
                f"{type(frame).__name__} (thalweg.read_table reads files)"
            )
        self.frame = raw_columns(name, frame)
        self.name = name
        self.decimal = decimal
        self.bad_cells = bad_cells

    def __len__(self) -> int:
        return self.frame.height

    def __repr__(self) -> str:
        return f"Table({self.name!r}, {self.frame.height} rows, {self.frame.width} columns)"

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return self.frame.columns

    def schema(self) -> Schema:
        """The kinds of its columns."""
        return Schema.of([self.frame], self.name, self.decimal)

    def encoded(self, schema: Schema) -> tuple[NDArray[np.floating], list[str]]:
        """Rows of numbers (n, width), NaN where a cell is missing; and what there is to say."""
        said = schema.match(self.columns, self.name)
        bad = BadCells(self.bad_cells == "refuse", self.name)
        rows = schema.encode(self.frame, bad)
        return rows, [*said, *bad.sentences()]

    def with_frame(self, frame: pl.DataFrame) -> Table:
        """Another frame in place of this one."""
        return Table(frame, self.name, self.decimal, self.bad_cells)


def filled(given: Any, raw: pl.DataFrame, schema: Schema, rows: NDArray[np.floating]) -> Any:
    """A data frame with every missing cell filled from rows, the others as they were.

    Cells that were bad are filled too. ``raw`` are the columns of the frame, ``rows`` (n, width)
    without NaN.
    """
    decoded = schema.decode(rows)
    for column in schema.columns:
        if not column.width:
            continue
        values = decoded[column.name]
        if column.name not in raw.columns:
            given = put_in(given, column.name, np.ones(len(values), bool), values)
            continue
        old = raw[column.name]
        missing = cells_of(old).is_null()
        block = column.encode(old, BadCells())
        where = np.isnan(block).any(axis=1) | missing.to_numpy()
        if where.any():
            fit = column.written(values) if old.dtype == pl.String else values
            given = put_in(given, column.name, where, fit)
    return given


def replaced(given: Any, raw: pl.DataFrame, schema: Schema, rows: NDArray[np.floating]) -> Any:
    """A data frame in which all columns that take part have the values of rows (n, width)."""
    decoded = schema.decode(rows)
    for column in schema.columns:
        if column.width:
            values = decoded[column.name]
            text = column.name in raw.columns and raw[column.name].dtype == pl.String
            fit = column.written(values) if text else values
            given = put_in(given, column.name, np.ones(len(values), bool), fit)
    return given
