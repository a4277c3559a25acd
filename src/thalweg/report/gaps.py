"""What is missing, filled in, and between which bounds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl

from thalweg.data.columns import Table
from thalweg.report.unusual import Digits

MOST = 300
"""Cells that are shown"""

LEVEL = 0.9
"""Probability of the interval"""


class Filled(NamedTuple):
    """A cell that was missing."""

    row: int
    column: str
    value: str
    lower: str
    upper: str
    """as the value where it is a word"""


class Gaps(NamedTuple):
    """All that were missing."""

    total: int
    rows: int
    shown: list[Filled]
    whole: pl.DataFrame
    """the table without gaps"""


def filled_gaps(model: Any, table: Table, seed: int) -> Gaps:
    """By a model that fills in; of the first cells with bounds."""
    frame, schema = table.frame, model.table_
    hidden = np.isnan(model.rows_of(table))
    gone = {column.name: hidden[:, at].any(axis=1) for column, at in schema.spans}
    count = int(sum(each.sum() for each in gone.values()))
    if not count:
        return Gaps(0, 0, [], frame)
    whole = model.complete(table, answer="mean").frame
    rows = np.flatnonzero(hidden.any(axis=1))
    cells: list[tuple[int, str]] = []
    asked: list[int] = []
    for row in rows:
        asked.append(int(row))
        cells.extend((int(row), name) for name, where in gone.items() if where[row])
        if len(cells) >= MOST:
            break
    part = table.with_frame(frame[asked])
    lower, upper = model.complete(part, interval=LEVEL, random_state=seed)
    digits = Digits(frame, schema)
    place = {row: i for i, row in enumerate(asked)}
    shown = []
    for at, name in cells[:MOST]:
        value, ends = whole[name][at], [end.frame[name][place[at]] for end in (lower, upper)]
        word = schema.by_name[name].prior is not None
        texts = [digits.text(name, each) for each in ([value] * 2 if word else ends)]
        shown.append(Filled(at, name, digits.text(name, value), *texts))
    return Gaps(count, len(rows), shown, whole)
