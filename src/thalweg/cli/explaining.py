"""Which cells of a table its unusual rows are unusual for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from thalweg.cli import outcome
from thalweg.cli.explaining_parts import PARTS
from thalweg.cli.reading import Reading, can, opened
from thalweg.cli.spare import spare
from thalweg.core import InputError
from thalweg.data.columns import BadCells, FileTable, Schema, Table
from thalweg.data.table_files import TableWriter
from thalweg.estimators.base.explanation import Explanation
from thalweg.plots import draw_contributions, save_figure

BATCH = 65_536
"""Rows asked about at a time"""


class Cell(NamedTuple):
    """One that was found to say something."""

    share: float
    row: int
    column: str
    frame: pl.DataFrame
    """the row that it is in"""


FIGURES = (".png", ".svg", ".pdf")

SHOWN, WIDEST = 20, 14
"""Rows and columns of a figure, at most"""


def explain(
    model: str, data: str, out: str | None, top: int, figure: str | None, reading: Reading
) -> None:
    """The parts that have most to do with high energies, the most telling first."""
    if figure is not None and Path(figure).suffix.lower() not in FIGURES:
        raise InputError(f"--figure {figure}: expected a name that ends in {', '.join(FIGURES)}")
    if figure is not None and not Path(figure).absolute().parent.is_dir():
        raise InputError(f"--figure {figure}: the folder {Path(figure).parent} does not exist")
    spare(figure, model, data)
    fitted, asked = opened(model, data, out, reading)
    can(fitted, "explain")
    if fitted.about in PARTS:
        answers, drawn = PARTS[fitted.about](fitted, asked, top, figure is not None)
        separator = ","
    elif isinstance(asked, np.ndarray):
        answers, drawn = _of_array(fitted, asked, top, figure is not None)
        separator = ","
    else:
        answers, drawn = _of_table(fitted, asked, top, figure is not None, reading)
        separator = asked.separator
    with TableWriter(out, separator) as writer:
        writer.append(answers)
    if drawn is not None and figure is not None:
        save_figure(drawn, figure)


def _of_table(
    fitted: Any, asked: FileTable, top: int, draw: bool, reading: Reading
) -> tuple[pl.DataFrame, Figure | None]:
    schema: Schema | None = getattr(fitted, "table_", None)
    if schema is None:
        raise InputError(
            f"{asked.name} is a table, and the model was trained on an array; expected .npy"
        )
    bad, start = BadCells(reading.bad_cells == "refuse", asked.name), 0
    found: list[Cell] = []
    for frame in asked.batches():
        for first in range(0, frame.height, BATCH):
            part = frame.slice(first, BATCH)
            said = fitted.explain(asked.part(part, start, bad), usual=False)
            for row, column in said.most(top):
                share = float(said.contribution[row, column])
                found.append(Cell(share, start + row, said.columns[column], part[row : row + 1]))
            found = sorted(found, key=lambda each: (-each.share, each.row))[:top]
            start += part.height
    if start == 0:
        raise InputError(f"{asked.name} has no rows; expected at least one")
    if not reading.quiet:
        for sentence in bad.sentences():
            outcome.say(f"warning: {sentence}")
    beside = [name for name in asked.columns
              if name in schema.identifiers() or name in reading.identifiers]  # fmt: skip
    answers = _told(fitted, schema, found, beside, asked)
    return answers, _drawn(fitted, found, beside, asked) if draw and found else None


def _drawn(fitted: Any, found: list[Cell], beside: list[str], asked: Table) -> Figure:
    """The rows that the most telling cells are of, in the order of these."""
    rows = list({each.row: each for each in found}.values())[:SHOWN]
    frame = pl.concat([each.frame for each in rows])
    said = fitted.explain(asked.part(frame, 1, BadCells(False, asked.name)), usual=False)
    names = [
        " ".join(str(frame[name][i]) for name in beside) if beside else f"row {each.row}"
        for i, each in enumerate(rows)
    ]
    written = {name: frame[name].cast(pl.String).fill_null("").to_list() for name in frame.columns}
    cells = [[written.get(name, [""] * len(rows))[i] for name in said.columns]
             for i in range(len(rows))]  # fmt: skip
    return table_of_cells(said, names, cells)


def table_of_cells(said: Explanation, names: list[str], cells: list[list[str]]) -> Figure:
    """A figure of the columns that say most."""
    weight = np.clip(said.contribution, 0, None).sum(axis=0)
    kept = np.sort(np.argsort(-weight, kind="stable")[:WIDEST])
    return draw_contributions(
        said.contribution[:, kept], names, [said.columns[j] for j in kept],
        [[line[j] for j in kept] for line in cells], "what rows are unusual for",
    )  # fmt: skip


def _told(
    fitted: Any,
    schema: Schema,
    found: list[Cell],
    beside: list[str],
    asked: Table,
) -> pl.DataFrame:
    """A line for each cell: which, its share, what is there and what is usual."""
    # of cells that all explain nothing there is nothing to tell
    nothing = pl.DataFrame(schema=dict.fromkeys(asked.columns, pl.String))
    rows = pl.concat([each.frame for each in found]) if found else nothing
    quiet = BadCells(False, asked.name)
    usual = fitted.explain(asked.part(rows, 1, quiet)).usual.frame if found else rows
    values, expected = [], []
    for i, each in enumerate(found):
        column = each.column
        cell = usual[column][i : i + 1]
        texts = schema.by_name[column].written(cell) if cell.dtype != pl.String else cell
        expected.append(texts[0])
        cell = rows[column][i : i + 1] if column in rows.columns else None
        values.append(None if cell is None else cell.cast(pl.String)[0])
    answers = pl.DataFrame(
        {
            "row": [each.row for each in found], "column": [each.column for each in found],
            "share": [each.share for each in found], "value": values, "usual": expected,
        },
        schema={"row": pl.Int64, "column": pl.String, "share": pl.Float64, "value": pl.String,
                "usual": pl.String},
    )  # fmt: skip
    clash = {name: f"{name} (answer)" for name in answers.columns if name in beside}
    answers = answers.rename(clash)
    return rows.select(beside).hstack(answers) if beside else answers


def _of_array(
    fitted: Any, asked: np.ndarray, top: int, draw: bool
) -> tuple[pl.DataFrame, Figure | None]:
    said = fitted.explain(asked, usual=False)
    row, column = np.array(said.most(top), dtype=np.int64).reshape(-1, 2).T
    rows, place = np.unique(row, return_inverse=True)
    usual = asked[row, column]
    if len(rows):
        usual = np.asarray(fitted.explain(asked[rows]).usual)[place, column]
    answers = pl.DataFrame(
        {
            "row": row, "column": [said.columns[j] for j in column],
            "share": said.contribution[row, column], "value": asked[row, column], "usual": usual,
        }
    )  # fmt: skip
    if not draw or not len(rows):
        return answers, None
    shown = list(dict.fromkeys(row.tolist()))[:SHOWN]
    part = Explanation(said.contribution[shown], None, said.columns)
    cells = [[f"{value:.4g}" for value in asked[i]] for i in shown]
    return answers, table_of_cells(part, [f"row {i}" for i in shown], cells)
