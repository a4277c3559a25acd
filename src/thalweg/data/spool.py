"""Parquet files larger than memory: decoded once, slice by slice, into a mapped file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.core import InputError
from thalweg.data.tables import Column, Encoding, scan_parquet

SPOOL_FROM_BYTES = 64 * 2**20
"""Tables that take more than this as numbers are not held in memory."""

SLICE_ROWS = 131_072


def is_large(path: Path) -> bool:
    """Whether a file is a Parquet table to be spooled rather than read."""
    if path.suffix.lower() != ".parquet" or not path.is_file():
        return False
    try:
        table = pl.scan_parquet(path, glob=False)
        rows = int(table.select(pl.len()).collect().item())
        return rows * len(table.collect_schema()) * 8 > SPOOL_FROM_BYTES
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path} is not a readable Parquet file ({error})") from error


def spool(path: Path) -> tuple[NDArray[np.floating], Encoding]:
    """The rows of a Parquet table as numbers, mapped from a temporary file, and their encoding.

    The file lies in the system's folder for temporary files and goes away with the array.
    """
    table = scan_parquet(path)
    columns = []
    for name, kind in table.collect_schema().items():
        if kind.is_numeric():
            columns.append(Column(name, None))
        else:
            values = table.select(pl.col(name).unique()).collect(engine="streaming")
            columns.extend(Encoding.of(values, str(path)).columns)
    encoding = Encoding(tuple(columns))
    rows = int(table.select(pl.len()).collect().item())
    first = encoding.encode(table.head(1).collect(), str(path))
    with tempfile.TemporaryFile() as file:
        file.truncate(rows * first.nbytes)
        result: NDArray[np.floating] = np.memmap(
            file, first.dtype, "r+", shape=(rows, first.shape[1])
        )
        for start in range(0, rows, SLICE_ROWS):
            part = table.slice(start, SLICE_ROWS).collect(engine="streaming")
            file.seek(start * first.nbytes)
            file.write(encoding.encode(part, str(path)).tobytes())
        file.flush()
    return result, encoding
