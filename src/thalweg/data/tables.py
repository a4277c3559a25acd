"""Arrays of rows read from disk, and tables written whole."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.core import InputError
from thalweg.data.npy import read_npy
from thalweg.data.table_files.writer import TableWriter


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


def write_data(table: pl.DataFrame, path: str | os.PathLike[str] | None) -> None:
    """Write a table as :class:`~thalweg.data.table_files.TableWriter` does, all of it at once."""
    with TableWriter(path) as writer:
        writer.append(table)
