"""The index of a pandas frame in a Parquet file, which is no column."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import polars as pl


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


def _shown(names: list[str]) -> str:
    text = ", ".join(names[:8])
    return text if len(names) <= 8 else f"{text}, ... ({len(names)} in all)"
