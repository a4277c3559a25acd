"""Columns of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.data.columns.column import BadCells, Column, part
from thalweg.data.columns.missing import cells_of
from thalweg.data.columns.numerals import PLAIN, NumberStyle


@dataclass(frozen=True)
class Number(Column):
    """A column of numbers."""

    kind: ClassVar[str] = "number"

    name: str
    whole: bool = False
    """whether all that were seen are whole, and so those that are filled in"""
    single: bool = False
    """whether they came in single precision"""
    style: NumberStyle = PLAIN
    expected: str = "a number"

    @property
    def entries(self) -> list[str]:
        return [self.name]

    def encode(self, cells: pl.Series, bad: BadCells, start: int = 0) -> NDArray[np.floating]:
        numbers = numbers_of(cells, self.style)
        if numbers.null_count() > cells.null_count():
            # not all are plain numbers: some are missing, or have spaces around them
            cells = cells_of(cells, none=True)
            numbers = numbers_of(cells, self.style)
        bad.note_unread(cells, numbers, self, start)
        return numbers.to_numpy().reshape(-1, 1).astype(np.float64, copy=False)

    def decode(self, block: NDArray[np.floating]) -> pl.Series:
        values = block[:, 0]
        if self.whole:
            rounded = np.rint(values)
            if np.abs(rounded, dtype=np.float64).max(initial=0) < 2**53:
                return pl.Series(self.name, rounded.astype(np.int64))
        return pl.Series(self.name, values)

    def written(self, values: pl.Series) -> pl.Series:
        return self.style.write(values)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "name": self.name, "whole": self.whole, "single": self.single,
            "style": list(self.style),
        }  # fmt: skip

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> Number:
        return cls(
            part(parts, "name", str), part(parts, "whole", bool), part(parts, "single", bool),
            NumberStyle.from_json(part(parts, "style", list)),
        )  # fmt: skip


def numbers_of(cells: pl.Series, style: NumberStyle) -> pl.Series:
    """Cells as numbers in double precision; null where there is none, or an infinite one."""
    if cells.dtype in (pl.String, pl.Categorical) or isinstance(cells.dtype, pl.Enum):
        return style.parse(cells.cast(pl.String))
    if cells.dtype.is_numeric() or cells.dtype == pl.Boolean:
        numbers = cells.cast(pl.Float64)
        infinite = numbers.is_infinite()
        return numbers.set(infinite.fill_null(False), None) if infinite.any() else numbers
    return pl.Series(cells.name, [None] * len(cells), dtype=pl.Float64)
