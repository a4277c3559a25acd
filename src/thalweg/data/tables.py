"""Tables with named columns: read, turned into numbers, and turned back."""

from __future__ import annotations

import csv
import json
import os
import re
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.core import InputError, NotWrittenError, write_beside
from thalweg.data.npy import read_npy

MISSING = ["", "NA", "NaN", "nan", "null"]
"""What a CSV file may hold where a value is missing."""


class Column(NamedTuple):
    """One column of a table and how it becomes numbers."""

    name: str
    categories: tuple[str, ...] | None
    """None for a column of numbers"""


class Encoding(NamedTuple):
    """How a table becomes rows of numbers: non-numeric columns one-hot, the others as they are."""

    columns: tuple[Column, ...]

    @classmethod
    def of(cls, table: pl.DataFrame, source: str) -> Encoding:
        """The encoding that a table calls for."""
        columns = []
        for name in table.columns:
            kind = table[name].dtype
            if kind.is_numeric():
                columns.append(Column(name, None))
            elif kind in (pl.String, pl.Boolean, pl.Categorical) or isinstance(kind, pl.Enum):
                found = table[name].cast(pl.String).drop_nulls().unique().sort()
                columns.append(Column(name, tuple(found)))
            else:
                raise InputError(
                    f"{source}: column {name!r} holds {kind}; expected numbers, text or booleans"
                )
        return cls(tuple(columns))

    @property
    def names(self) -> list[str]:
        """Names of the columns of numbers."""
        result = []
        for column in self.columns:
            if column.categories is None:
                result.append(column.name)
            else:
                result.extend(f"{column.name}={category}" for category in column.categories)
        return result

    def encode(self, table: pl.DataFrame, source: str) -> NDArray[np.floating]:
        """Rows of numbers (n, len(names)); missing values are NaN.

        Raises
        ------
        InputError
            If the columns are not those of training, or a value cannot be encoded.
        """
        wanted = [column.name for column in self.columns]
        if table.columns != wanted:
            raise InputError(
                f"{source}: columns are {_shown(table.columns)}; "
                f"expected those of training, in their order: {_shown(wanted)}"
            )
        single = all(
            c.categories is None and table[c.name].dtype == pl.Float32 for c in self.columns
        )
        result = np.empty((table.height, len(self.names)), np.float32 if single else np.float64)
        at = 0
        for column in self.columns:
            block = self._encode_column(column, table[column.name], source)
            result[:, at : at + block.shape[1]] = block
            at += block.shape[1]
        return result

    @staticmethod
    def _encode_column(column: Column, values: pl.Series, source: str) -> NDArray[np.floating]:
        if column.categories is None:
            if not values.dtype.is_numeric() and values.null_count() < len(values):
                row = int(values.is_not_null().arg_max() or 0)
                raise InputError(
                    f"{source}: row {row}, column {column.name!r} is {values[row]!r}; "
                    "expected a number, as in training"
                )
            return values.cast(pl.Float64).to_numpy().reshape(-1, 1)
        text = values.cast(pl.String)
        block = np.full((len(text), len(column.categories)), np.nan)
        known = text.is_not_null().to_numpy()
        block[known] = 0
        position = {category: i for i, category in enumerate(column.categories)}
        for row in np.flatnonzero(known).tolist():
            if text[row] not in position:
                raise InputError(
                    f"{source}: row {row}, column {column.name!r} is {text[row]!r}; "
                    f"expected one of {_shown(list(column.categories))}, as in training"
                )
            block[row, position[text[row]]] = 1
        return block

    def decode(self, rows: NDArray[np.floating]) -> pl.DataFrame:
        """The table that rows of numbers stand for: the most likely category of each block."""
        result, at = {}, 0
        for column in self.columns:
            if column.categories is None:
                result[column.name] = pl.Series(rows[:, at])
                at += 1
            else:
                block = rows[:, at : at + len(column.categories)]
                result[column.name] = pl.Series(
                    [column.categories[i] for i in block.argmax(axis=1)]
                )
                at += len(column.categories)
        return pl.DataFrame(result)

    def to_json(self) -> list[Any]:
        return [[column.name, column.categories] for column in self.columns]

    @classmethod
    def from_json(cls, value: list[Any]) -> Encoding:
        return cls(tuple(Column(n, None if c is None else tuple(c)) for n, c in value))


def read_data(path: str | os.PathLike[str]) -> pl.DataFrame | NDArray[np.floating]:
    """A CSV or Parquet file as a table, a ``.npy`` file as an array mapped from disk.

    Raises
    ------
    InputError
        If the file is not there, empty, of another kind, ragged, or damaged.
    """
    source = Path(path)
    if not source.is_file():
        raise InputError(f"{path}: no such file; expected a CSV, Parquet or .npy file")
    ending = source.suffix.lower()
    if source.stat().st_size == 0:
        raise InputError(f"{path} is empty; expected a table with at least one row")
    if ending == ".npy":
        return _read_array(source)
    try:
        str(source).encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{path}: its name is not UTF-8, which tables are read by; expected a name that is"
        ) from error
    if ending == ".parquet":
        table = _read_parquet(source)
    elif ending == ".csv":
        table = _read_csv(source)
    else:
        raise InputError(f"{path} ends in {ending!r}; expected .csv, .parquet or .npy")
    if table.height == 0 or table.width == 0:
        raise InputError(f"{path} has no rows; expected at least one")
    return table


def _read_array(path: Path) -> NDArray[np.floating]:
    values = read_npy(path)
    if values.ndim != 2 or values.dtype.kind not in "fiub":
        raise InputError(
            f"{path} holds {values.dtype} of shape {values.shape}; "
            "expected numbers, (rows, columns)"
        )
    if 0 in values.shape:
        raise InputError(f"{path} has shape {values.shape}; expected at least one row and column")
    return values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)


def _read_parquet(path: Path) -> pl.DataFrame:
    try:
        return scan_parquet(path).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path} is not a readable Parquet file ({error})") from error


def scan_parquet(path: Path) -> pl.LazyFrame:
    """The columns of a Parquet file but for the index that pandas keeps beside them.

    Warns
    -----
    UserWarning
        If there is such an index: it says which row is which and nothing about it.
    """
    table = pl.scan_parquet(path, glob=False)
    index = _index_of(path, table.collect_schema().names())
    if not index:
        return table
    warnings.warn(
        f"{path}: {_shown(index)} is the index of a pandas frame and was left out (reset_index "
        "makes it a column)",
        UserWarning,
        stacklevel=2,
    )
    return table.drop(index)


def _index_of(path: Path, columns: list[str]) -> list[str]:
    """Columns that are the index of the pandas frame that a file was written from."""
    try:
        metadata = pl.read_parquet_metadata(path).get("pandas", "{}")
    except AttributeError:
        # an older polars does not tell; an index without a name can be told by the one it gets
        return [name for name in columns if re.fullmatch(r"__index_level_\d+__", name)]
    try:
        found = json.loads(metadata)["index_columns"]
    except (ValueError, LookupError, TypeError):
        return []
    # an index that only counts the rows is no column but a dict
    return [name for name in columns if name in [each for each in found if isinstance(each, str)]]


def _read_csv(path: Path) -> pl.DataFrame:
    try:
        with open(path, newline="", encoding="utf-8") as lines:
            reader = csv.reader(lines)
            header = next(reader)
            for row in reader:
                if row and len(row) != len(header):
                    raise InputError(
                        f"{path}: line {reader.line_num} has {len(row)} fields; "
                        f"expected {len(header)}, as in the header"
                    )
        return pl.read_csv(path, null_values=MISSING, infer_schema_length=None)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text ({error}); expected a CSV file") from error
    except (pl.exceptions.PolarsError, csv.Error) as error:
        raise InputError(f"{path} is not a readable CSV file ({error})") from error


def write_data(table: pl.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write CSV, Parquet or ``.npy`` by the ending of the name, whole or not at all.

    A device, a pipe or a socket gets CSV where its name has none of these endings.
    """
    target = Path(path)
    ending = target.suffix.lower()
    if ending not in (".csv", ".parquet", ".npy"):
        if not target.exists() or target.is_file() or target.is_dir():
            raise InputError(f"{path} ends in {ending!r}; expected .csv, .parquet or .npy")
        ending = ".csv"
    numbers = _numbers_of(table, path) if ending == ".npy" else None
    with write_beside(path) as beside:
        try:
            if numbers is not None:
                with open(beside, "wb") as file:
                    np.save(file, numbers, allow_pickle=False)
            elif ending == ".csv":
                table.write_csv(beside)
            else:
                table.write_parquet(beside)
        except pl.exceptions.PolarsError as error:
            raise NotWrittenError(f"{path} could not be written ({error})") from error


def _numbers_of(table: pl.DataFrame, path: str | os.PathLike[str]) -> NDArray[Any]:
    """A table as an array; one of words would be read by running code, and so is none."""
    for name, kind in table.schema.items():
        if not kind.is_numeric() and kind != pl.Boolean:
            raise InputError(
                f"{path}: column {name!r} holds {'words' if kind == pl.String else kind}, and .npy "
                "takes numbers alone; expected a name that ends in .csv or .parquet"
            )
    numbers = table.with_columns(pl.col(pl.Boolean).cast(pl.Float64)).to_numpy()
    return numbers[:, 0] if numbers.shape[1] == 1 else numbers


def _shown(names: list[str]) -> str:
    text = ", ".join(names[:8])
    return text if len(names) <= 8 else f"{text}, ... ({len(names)} in all)"
