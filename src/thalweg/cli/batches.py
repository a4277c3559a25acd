"""Tables asked about batch by batch, however long: answers in order, what is said, said once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.cli import outcome
from thalweg.cli.reading import Reading
from thalweg.core import InputError, progress
from thalweg.data.columns import BadCells, FileTable, Schema, Table
from thalweg.data.columns.filling import typed
from thalweg.data.table_files import TableWriter
from thalweg.data.tables import write_data

BATCH = 131_072
"""Rows asked about at a time"""

SHOWN_FROM = 500_000
"""Rows, from which on a bar is shown"""


def give_beside(
    asked: FileTable | NDArray[np.floating],
    schema: Schema | None,
    out: str | None,
    reading: Reading,
    answer: Callable[[Table | NDArray[np.floating]], pl.DataFrame],
) -> None:
    """Answers about each row, with the columns beside them that say which row it is."""
    if isinstance(asked, np.ndarray):
        write_data(answer(asked), out)
        return
    known = [] if schema is None else schema.identifiers()
    beside = [name for name in asked.columns if name in known or name in reading.identifiers]

    def with_names(part: Table) -> pl.DataFrame:
        found = answer(part)
        names = part.frame.select(beside)
        clash = [name for name in found.columns if name in beside]
        found = found.rename({name: f"{name} (answer)" for name in clash})
        return names.hstack(found) if beside else found

    _give_all(asked, out, reading, with_names)


def give_tables(
    asked: FileTable | NDArray[np.floating],
    schema: Schema | None,
    out: str | None,
    reading: Reading,
    answer: Callable[[Table | NDArray[np.floating]], Table | NDArray[np.floating]],
) -> None:
    """Answers that are rows of the table themselves."""
    if isinstance(asked, np.ndarray) or schema is None:
        found = answer(asked)
        assert isinstance(found, np.ndarray)
        write_data(of_array(found, schema), out)
        return
    # files that have types get columns of them; a text stays as it was written
    texts = out is None or not out.lower().endswith((".parquet", ".npy"))

    def frame_of(part: Table) -> pl.DataFrame:
        found = answer(part)
        assert isinstance(found, Table)
        return found.frame if texts else typed(found.frame, schema)

    _give_all(asked, out, reading, frame_of)


def of_array(rows: NDArray[np.floating], schema: Schema | None) -> pl.DataFrame:
    """Rows of a model of tables as a table; of another one as numbered columns."""
    if schema is not None:
        return schema.decode(rows)
    return pl.DataFrame(rows, schema=[f"y{j}" for j in range(rows.shape[1])])


def _give_all(
    asked: FileTable, out: str | None, reading: Reading, answer: Callable[[Table], pl.DataFrame]
) -> None:
    bad = BadCells(reading.bad_cells == "refuse", asked.name)
    total = asked.n_rows
    shown = not reading.quiet and (total or 0) >= SHOWN_FROM and outcome.is_watched()
    start = 0
    with TableWriter(out, asked.separator) as writer, progress("rows", total or 0, shown) as follow:
        for frame in asked.batches():
            for first in range(0, frame.height, BATCH):
                part = frame.slice(first, BATCH)
                writer.append(answer(asked.part(part, start, bad)))
                start += part.height
                follow(start, "")
    if start == 0:
        raise InputError(f"{asked.name} has no rows; expected at least one")
    if not reading.quiet:
        for sentence in bad.sentences():
            outcome.say(f"warning: {sentence}")
