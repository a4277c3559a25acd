"""Tables in Parquet files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from thalweg.core import InputError
from thalweg.data.table_files.base import TableFile
from thalweg.data.table_files.names import SHOWN, clear_names, listed
from thalweg.data.table_files.pandas_index import scan_parquet

SLICE_BYTES = 64 * 2**20
"""Read at a time, as far as the kinds of columns tell; a slice costs a search for its beginning"""


class ParquetFile(TableFile):
    """A Parquet file: typed columns.

    Dictionaries become text and decimals float64; dates and times stay what they are. Lists,
    structures and bytes are left out and named in ``notes``, and so is the index of a pandas frame.

    Parameters
    ----------
    path : path

    Raises
    ------
    InputError
        If it is no readable Parquet file, or has no rows or no column to read.

    Warns
    -----
    UserWarning
        If there is the index of a pandas frame, which is left out.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with self._said():
            table = scan_parquet(self.path)
            schema = table.collect_schema()
            every = pl.scan_parquet(self.path, glob=False)
            index = [name for name in every.collect_schema().names() if name not in schema]
            self._rows = int(every.select(pl.len()).collect().item())
        kept = [name for name, kind in schema.items() if _is_flat(kind)]
        nested = [name for name in schema if name not in kept]
        if not self._rows or not schema:
            raise InputError(f"{self.path} has no rows; expected at least one")
        if not kept:
            raise InputError(
                f"{self.path} has nested columns alone ({listed(nested, SHOWN)}); expected one of "
                "numbers, text, truth values or dates"
            )
        self.names, self.notes = clear_names(kept)
        if index:
            self.notes.append(f"the index of a pandas frame was left out: {listed(index, SHOWN)}")
        if nested:
            self.notes.append(
                f"columns of lists, structures or bytes were left out: {listed(nested, SHOWN)}"
            )
        self._table = table.select(
            _plain(pl.col(old), schema[old]).alias(new)
            for old, new in zip(kept, self.names, strict=True)
        )

    @property
    def n_rows(self) -> int:
        return self._rows

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size

    def _empty(self) -> pl.DataFrame:
        return self._table.head(0).collect()

    def _frames(self, rows: int) -> Iterator[pl.DataFrame]:
        at_once = max(1, SLICE_BYTES // (8 * len(self.names)))
        with self._said():
            for start in range(0, self._rows, at_once):
                yield self._table.slice(start, at_once).collect()

    def read(self) -> pl.DataFrame:
        """The whole table."""
        with self._said():
            return self._table.collect()

    @contextmanager
    def _said(self) -> Iterator[None]:
        """What goes wrong, said as of this file."""
        try:
            yield
        except (pl.exceptions.PolarsError, OSError) as error:
            raise InputError(f"{self.path} is not a readable Parquet file ({error})") from error


def _is_flat(kind: pl.DataType) -> bool:
    """Whether each entry is one number, text, truth value, date or time, or nothing."""
    return (
        kind.is_numeric()
        or kind.is_temporal()
        or kind in (pl.String, pl.Boolean, pl.Categorical, pl.Null)
        or isinstance(kind, pl.Enum)
    )


def _plain(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """A column without what only saves space."""
    if kind.is_decimal():
        return column.cast(pl.Float64)
    if kind == pl.Categorical or isinstance(kind, pl.Enum):
        return column.cast(pl.String)
    return column
