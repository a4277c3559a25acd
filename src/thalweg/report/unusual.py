"""Which rows are unusual, which cells make them so, and what was expected there."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.data.columns import Schema, Table
from thalweg.data.columns.number import Number
from thalweg.data.columns.numerals import PLAIN
from thalweg.questions.rarity import discoveries

MOST = 200
"""Rows that are shown"""

FEW = 5
"""Rows that are shown where none stands out"""

CELLS = 3
"""Of a row that are named"""

MOST_DIGITS = 6

TELLING = 0.15
"""Of the most telling cell's share, what another must have to be named"""


class Cell(NamedTuple):
    """A cell that a row is unusual for."""

    column: str
    value: str
    usual: str
    share: float


class Row(NamedTuple):
    """A row that is unusual."""

    number: int
    """counted from 0"""
    identified: list[str]
    """the cells that say which it is"""
    energy: float
    one_in: str
    """of how many usual rows one is as unusual"""
    cells: list[Cell]


class Unusual(NamedTuple):
    """Those that are called unusual, the most unusual first."""

    chosen: NDArray[np.int64]
    shown: list[Row]
    energy: NDArray[np.floating]
    shares: dict[str, float]
    """of each column, how much it has to do with rows that are shown"""
    identifiers: list[str]


def unusual_rows(model: Any, table: Table, p: NDArray[np.float64], fdr: float) -> Unusual:
    """By the energies of a model, and how rare these are."""
    energy = model.energy(table)
    found = np.flatnonzero(discoveries(p, fdr))
    chosen = found[np.argsort(-energy[found], kind="stable")]
    shown = chosen[:MOST] if len(chosen) else np.argsort(-energy, kind="stable")[:FEW]
    frame = table.frame
    part = table.with_frame(frame[shown.tolist()])
    said = model.explain(part)
    usual = said.usual.frame if isinstance(said.usual, Table) else said.usual
    digits = Digits(frame, model.table_)
    names = [name for name in model.table_.identifiers() if name in frame.columns]
    rows = [
        Row(
            int(row), [str(frame[name][int(row)]) for name in names], float(energy[row]),
            one_in(p[row]), _cells(said, usual, part.frame, i, model, digits),
        )
        for i, row in enumerate(shown)
    ]  # fmt: skip
    totals = np.clip(said.contribution, 0, None).sum(axis=0)
    shares = dict(zip(said.columns, map(float, totals), strict=True))
    return Unusual(chosen, rows, energy, shares, names)


def _cells(
    said: Any, usual: pl.DataFrame, frame: pl.DataFrame, i: int, model: Any, digits: Digits
) -> list[Cell]:
    order = np.argsort(-said.contribution[i], kind="stable")[:CELLS]
    most = said.contribution[i, order[0]]
    result = []
    for j in order:
        share, name = float(said.contribution[i, j]), said.columns[j]
        if share <= 0 or share < TELLING * most:
            continue
        value = frame[name][i] if name in frame.columns else None
        expected = digits.text(name, _written(usual, name, i, model))
        result.append(Cell(name, "" if value is None else str(value), expected, share))
    return result


def _written(usual: pl.DataFrame, name: str, i: int, model: Any) -> Any:
    cell = usual[name][i : i + 1]
    return cell[0] if cell.dtype == pl.String else model.table_.by_name[name].written(cell)[0]


class Digits:
    """How many digits the numbers of each column have behind their mark.

    Parameters
    ----------
    frame : DataFrame
        Of cells as they were written.
    schema : Schema
    """

    def __init__(self, frame: pl.DataFrame, schema: Schema) -> None:
        self._of: dict[str, int] = {}
        for column, _ in schema.spans:
            if isinstance(column, Number) and column.style == PLAIN and column.name in frame:
                texts = frame[column.name].cast(pl.String).str.strip_chars()
                found = texts.str.extract(r"\.([0-9]+)$", 1).str.len_chars().drop_nulls()
                self._of[column.name] = min(MOST_DIGITS, int(found.quantile(0.9) or 0))

    def text(self, name: str, value: Any) -> str:
        """A cell of a column as it is read; a number that was worked out, in as many digits."""
        if value is None:
            return ""
        if name not in self._of:
            return str(value)
        try:
            number, digits = float(value), self._of[name]
        except ValueError:
            return str(value)
        if number and abs(number) < 10.0**-digits:
            return f"{number:.3g}"
        return f"{number:.{digits}f}"


def one_in(p: float) -> str:
    """Of how many rows one is so rare, in two digits."""
    if p <= 1e-9:
        return "over a billion"
    n = 1 / p
    digits = max(0, math.floor(math.log10(n)) - 1)
    return f"{round(n / 10**digits) * 10**digits:,}"
