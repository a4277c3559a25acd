"""Tables with named columns: read, turned into numbers, and turned back."""

from __future__ import annotations

import json
import os
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.core import InputError, NotWrittenError, write_beside
from thalweg.data.npy import read_npy

MISSING = ["", "NA", "NaN", "nan", "null"]
"""What a CSV file may hold where a value is missing."""


def read_array(path: str | os.PathLike[str]) -> NDArray[np.floating]:
    """Rows of numbers from a ``.npy`` file, mapped from disk.

    Raises
    ------
    InputError
        If the file is not there, empty, of another kind, or damaged.
    """
    source = Path(path)
    if not source.is_file():
        raise InputError(f"{path}: no such file; expected a CSV, Parquet or .npy file")
    if source.stat().st_size == 0:
        raise InputError(f"{path} is empty; expected a table with at least one row")
    values = read_npy(source)
    if values.ndim != 2 or values.dtype.kind not in "fiub":
        raise InputError(
            f"{path} holds {values.dtype} of shape {values.shape}; "
            "expected numbers, (rows, columns)"
        )
    if 0 in values.shape:
        raise InputError(f"{path} has shape {values.shape}; expected at least one row and column")
    return values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)


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
