"""Which cells of a file its unusual rows are unusual for."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from thalweg.cli import outcome
from thalweg.cli.reading import Reading, can, opened
from thalweg.core import InputError
from thalweg.data.columns import BadCells, Schema, Table
from thalweg.data.table_files import TableWriter

BATCH = 65_536
"""Rows asked about at a time"""


def explain(model: str, data: str, out: str | None, top: int, reading: Reading) -> None:
    """The cells that have most to do with high energies, the most telling first."""
    fitted, asked = opened(model, data, out, reading)
    can(fitted, "explain")
    schema: Schema | None = getattr(fitted, "table_", None)
    if isinstance(asked, np.ndarray):
        _write(_of_array(fitted, asked, top), out, ",")
        return
    if schema is None:
        raise InputError(f"{data} is a table, and the model was trained on an array; expected .npy")
    bad, start = BadCells(reading.bad_cells == "refuse", asked.name), 0
    found: list[tuple[float, int, str, pl.DataFrame]] = []
    for frame in asked.batches():
        for first in range(0, frame.height, BATCH):
            part = frame.slice(first, BATCH)
            said = fitted.explain(asked.part(part, start, bad), usual=False)
            for row, column in said.most(top):
                share = float(said.contribution[row, column])
                found.append((share, start + row, said.columns[column], part[row : row + 1]))
            found = sorted(found, key=lambda each: (-each[0], each[1]))[:top]
            start += part.height
    if start == 0:
        raise InputError(f"{asked.name} has no rows; expected at least one")
    if not reading.quiet:
        for sentence in bad.sentences():
            outcome.say(f"warning: {sentence}")
    beside = [name for name in asked.columns
              if name in schema.identifiers() or name in reading.identifiers]  # fmt: skip
    _write(_told(fitted, schema, found, beside, asked), out, asked.separator)


def _told(
    fitted: Any,
    schema: Schema,
    found: list[tuple[float, int, str, pl.DataFrame]],
    beside: list[str],
    asked: Table,
) -> pl.DataFrame:
    """A line for each cell: which, its share, what is there and what is usual."""
    # of cells that all explain nothing there is nothing to tell
    nothing = pl.DataFrame(schema=dict.fromkeys(asked.columns, pl.String))
    rows = pl.concat([row for _, _, _, row in found]) if found else nothing
    quiet = BadCells(False, asked.name)
    usual = fitted.explain(asked.part(rows, 1, quiet)).usual.frame if found else rows
    values, expected = [], []
    for i, (_, _, column, _) in enumerate(found):
        cell = usual[column][i : i + 1]
        texts = schema.by_name[column].written(cell) if cell.dtype != pl.String else cell
        expected.append(texts[0])
        cell = rows[column][i : i + 1] if column in rows.columns else None
        values.append(None if cell is None else cell.cast(pl.String)[0])
    answers = pl.DataFrame(
        {
            "row": [row for _, row, _, _ in found], "column": [column for _, _, column, _ in found],
            "share": [share for share, _, _, _ in found], "value": values, "usual": expected,
        },
        schema={"row": pl.Int64, "column": pl.String, "share": pl.Float64, "value": pl.String,
                "usual": pl.String},
    )  # fmt: skip
    clash = {name: f"{name} (answer)" for name in answers.columns if name in beside}
    answers = answers.rename(clash)
    return rows.select(beside).hstack(answers) if beside else answers


def _of_array(fitted: Any, asked: np.ndarray, top: int) -> pl.DataFrame:
    said = fitted.explain(asked, usual=False)
    row, column = np.array(said.most(top), dtype=np.int64).reshape(-1, 2).T
    rows, place = np.unique(row, return_inverse=True)
    usual = asked[row, column]
    if len(rows):
        usual = np.asarray(fitted.explain(asked[rows]).usual)[place, column]
    return pl.DataFrame(
        {
            "row": row, "column": [said.columns[j] for j in column],
            "share": said.contribution[row, column], "value": asked[row, column], "usual": usual,
        }
    )  # fmt: skip


def _write(answers: pl.DataFrame, out: str | None, separator: str) -> None:
    with TableWriter(out, separator) as writer:
        writer.append(answers)
