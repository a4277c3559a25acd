"""A table: raw columns, in memory or in a file, from which a model takes what it learns."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.core import InputError
from thalweg.data.columns.column import BadCells
from thalweg.data.columns.frames import is_frame, raw_columns
from thalweg.data.columns.schema import Schema
from thalweg.data.columns.spooling import RowSpool
from thalweg.data.table_files import FormSaid, TableFile, open_table
from thalweg.data.table_files.csv_file import CsvFile

SLICE_ROWS = 131_072
"""Rows that become numbers at a time"""

KEPT_BYTES = 64 * 2**20
"""Files up to this size are read once and kept."""


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
    identifiers : tuple of str, default ()
        Columns that say which row is which, and so take no part, besides those that are found.

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
        identifiers: tuple[str, ...] = (),
    ) -> None:
        if not is_frame(frame):
            raise InputError(
                f"Table: expected a data frame of polars, pandas or pyarrow, got "
                f"{type(frame).__name__} (thalweg.read_table reads files)"
            )
        self._frame: pl.DataFrame | None = raw_columns(name, frame)
        self.columns = self._frame.columns
        self._describe(name, decimal, bad_cells, identifiers)

    def _describe(
        self, name: str, decimal: str | None, bad_cells: str, identifiers: tuple[str, ...]
    ) -> None:
        if bad_cells not in ("hide", "refuse"):
            raise InputError(f"bad_cells must be 'hide' or 'refuse', got {bad_cells!r}")
        if decimal not in (None, ".", ","):
            raise InputError(f"decimal must be '.' or ',', got {decimal!r}")
        for each in identifiers:
            if each not in self.columns:
                raise InputError(f"{name} has no column {each!r}; expected one of {self.columns}")
        self.name, self.decimal, self.bad_cells = name, decimal, bad_cells
        self.identifiers = tuple(identifiers)
        self._bad: BadCells | None = None
        self._start = 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {len(self.columns)} columns)"

    @property
    def frame(self) -> pl.DataFrame:
        """All of it, the columns as they were written."""
        assert self._frame is not None
        return self._frame

    def batches(self) -> Iterator[pl.DataFrame]:
        """The frame in pieces, in its order."""
        yield self.frame

    @property
    def n_rows(self) -> int | None:
        """None where only reading tells."""
        return self.frame.height

    @property
    def notes(self) -> list[str]:
        """What was made clear as it was read."""
        return []

    def schema(self) -> Schema:
        """The kinds of its columns."""
        return Schema.of(self.batches(), self.name, self.decimal, self.identifiers)

    def encoded(self, schema: Schema) -> tuple[NDArray[np.floating], list[str]]:
        """Rows of numbers (n, width), NaN where a cell is missing; and what there is to say.

        Many are mapped from a temporary file.
        """
        said = schema.match(self.columns, self.name) if self._start == 0 else []
        bad = self._bad or BadCells(self.bad_cells == "refuse", self.name)
        spool, start = RowSpool(schema.layout.width), self._start
        slices = (part for frame in self.batches() for part in frame.iter_slices(SLICE_ROWS))
        for part in slices:
            spool.append(schema.encode(part, bad, start))
            start += part.height
        return spool.rows(), said if self._bad else [*said, *bad.sentences()]

    def part(self, frame: pl.DataFrame, start: int, bad: BadCells) -> Table:
        """Some of its rows, the first of which is row ``start``; bad cells are noted in ``bad``."""
        part = Table(frame, self.name, self.decimal, self.bad_cells)
        part._bad, part._start = bad, start
        return part

    def with_frame(self, frame: pl.DataFrame) -> Table:
        """Another frame in place of this one."""
        return Table(frame, self.name, self.decimal, self.bad_cells)


class FileTable(Table):
    """A table in a file, which may be larger than memory.

    Parameters
    ----------
    file : TableFile
    bad_cells, identifiers
        As for :class:`Table`.
    """

    def __init__(
        self, file: TableFile, bad_cells: str = "hide", identifiers: tuple[str, ...] = ()
    ) -> None:
        self.file = file
        self._frame = None
        self.columns = list(file.names)
        decimal = file.form.decimal if isinstance(file, CsvFile) else None
        self._describe(file.source, decimal, bad_cells, identifiers)

    @property
    def frame(self) -> pl.DataFrame:
        return self.file.read() if self._frame is None else self._frame

    def batches(self) -> Iterator[pl.DataFrame]:
        if self._frame is None and self.file.size_bytes <= KEPT_BYTES:
            self._frame = self.file.read()
        if self._frame is not None:
            yield self._frame
        else:
            yield from self.file.batches()

    @property
    def separator(self) -> str:
        """What answers beside its cells are written with, where they are written as text."""
        found = self.file.form.separator if isinstance(self.file, CsvFile) else None
        return found if found is not None and len(found.encode()) == 1 else ","

    @property
    def n_rows(self) -> int | None:
        return self.file.n_rows if self._frame is None else self._frame.height

    @property
    def notes(self) -> list[str]:
        return self.file.notes


def read_table(
    path: str | os.PathLike[str],
    *,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    bad_cells: str = "hide",
    identifiers: tuple[str, ...] = (),
) -> FileTable:
    """The table in a CSV or Parquet file, for estimators to fit and to be asked about.

    Its columns have units, so that a model that is fitted on it scales them; words are words, dates
    are dates, identifiers are left out.

    Parameters
    ----------
    path : path
        CSV (compressed or not, "-" for standard input) or Parquet.
    separator, decimal, encoding : str, optional
        Of CSV, where what is found is not right.
    bad_cells : {"hide", "refuse"}, default "hide"
        What becomes of a cell that cannot be what its column is.
    identifiers : tuple of str, default ()
        Columns that say which row is which, besides those that are found.

    Raises
    ------
    InputError
        If there is no such file, or it is not a table.

    Examples
    --------
    >>> import tempfile, thalweg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/people.csv"
    ...     with open(path, "w") as file:
    ...         _ = file.write("name;height\\nAda;1,70\\nBob;1,80\\nCyd;n/a\\nDan;1,90\\n")
    ...     thalweg.read_table(path).schema().counted()
    '1 number, 1 identifier'
    """
    said = FormSaid(separator=separator, decimal=decimal, encoding=encoding)
    return FileTable(open_table(path, said), bad_cells, identifiers)
