"""Columns of dates and times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.core import InputError
from thalweg.data.columns import dates
from thalweg.data.columns.column import BadCells, Column, part, texts
from thalweg.data.columns.missing import cells_of

DAY = 86_400_000_000
"""Microseconds"""

CYCLES = {"time of day": 1.0, "day of week": 7.0, "time of year": 365.2425}
"""Days, after which each begins anew"""

MONDAY = 4.0
"""The first one, in days after 1 January 1970"""

KINDS: dict[str, Any] = {"date": pl.Date, "time": pl.Time, "moment": pl.Datetime("us")}


@dataclass(frozen=True)
class Moment(Column):
    """A date, a time of day, or both: days since 1970, and where they stand in their cycles.

    A cycle is a place on a circle, two entries; the first entry is what it is turned back from (of
    a time of day alone there is only the circle).
    """

    kind: ClassVar[str] = "date or time"

    name: str
    holds: str
    """date, time or moment"""
    form: str | None = None
    """the format of texts; None of cells that had a type of their own"""
    cycles: tuple[str, ...] = ()
    expected: str = "a date or a time"

    @property
    def entries(self) -> list[str]:
        line = [] if self.holds == "time" else [self.name]
        circles = [f"{self.name} ({c}, {part})" for c in self.cycles for part in ("sin", "cos")]
        return line + circles

    @property
    def turns(self) -> tuple[bool, ...]:
        line = () if self.holds == "time" else (False,)
        return line + (True,) * (2 * len(self.cycles))

    def encode(self, cells: pl.Series, bad: BadCells, start: int = 0) -> NDArray[np.floating]:
        cells = cells_of(cells, none=True)
        moments = self.moments_of(cells)
        bad.note_unread(cells, moments, self, start)
        return self.entries_of(days_of(moments))

    def entries_of(self, days: NDArray[np.floating]) -> NDArray[np.floating]:
        """(n, width) for days since 1970."""
        line = [] if self.holds == "time" else [days]
        for cycle in self.cycles:
            angle = 2 * np.pi * (days - MONDAY) / CYCLES[cycle]
            line += [np.sin(angle), np.cos(angle)]
        return np.stack(line, axis=1)

    def moments_of(self, cells: pl.Series) -> pl.Series:
        """Cells as dates, times, or both in UTC; null where there is none."""
        wanted = KINDS[self.holds]
        if self.form == dates.COMPACT and cells.dtype.is_numeric():
            return dates.compact_days(cells)
        if cells.dtype == pl.String and self.form is not None:
            return dates.parse(cells, self.form)
        if cells.dtype == pl.String:
            form = dates.format_of(cells)
            found = None if form is None else dates.parse(cells, form)
            if found is not None and (found.dtype == pl.Time) == (self.holds == "time"):
                return found
            return pl.Series(cells.name, [None] * len(cells), dtype=wanted)
        if cells.dtype.is_temporal() and (cells.dtype == pl.Time) == (self.holds == "time"):
            return dates.as_moments(cells)
        return pl.Series(cells.name, [None] * len(cells), dtype=wanted)

    def decode(self, block: NDArray[np.floating]) -> pl.Series:
        if self.holds == "time":
            days = np.arctan2(block[:, 0], block[:, 1]) / (2 * np.pi) % 1.0
            micro = np.minimum(np.rint(days * DAY), DAY - 1).astype(np.int64)
            return pl.Series(self.name, micro * 1000).cast(pl.Time)
        last = 1e6 if self.holds == "date" else 1e5
        days = np.clip(block[:, 0].astype(np.float64), -last, last)
        if self.holds == "date":
            return pl.Series(self.name, np.rint(days).astype(np.int32)).cast(pl.Date)
        # where all were midnights, so is what is filled in
        unit = 86_400 if "time of day" in self.cycles else 1
        second = np.rint(days * unit).astype(np.int64) * (86_400 // unit) * 1_000_000
        return pl.Series(self.name, second).cast(pl.Datetime("us"))

    def written(self, values: pl.Series) -> pl.Series:
        return values.cast(pl.String) if self.form is None else dates.write(values, self.form)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "name": self.name, "holds": self.holds, "form": self.form,
            "cycles": list(self.cycles),
        }  # fmt: skip

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> Moment:
        holds, cycles = part(parts, "holds", str), texts(parts, "cycles")
        form = part(parts, "form", str, type(None))
        if holds not in KINDS or not set(cycles) <= set(CYCLES):
            raise InputError(f"a column of dates holds {holds!r:.40} in cycles {cycles!r:.80}")
        if (holds == "time" and not cycles) or (form is not None and len(form) > 60):
            raise InputError("a column of times of day has no cycle, or its format is none")
        return cls(part(parts, "name", str), holds, form, cycles)


def days_of(moments: pl.Series) -> NDArray[np.float64]:
    """Days since 1 January 1970, NaN where there is no moment; of times, the share of a day."""
    if moments.dtype == pl.Date:
        return np.asarray(moments.cast(pl.Int32).cast(pl.Float64).to_numpy(), dtype=np.float64)
    if moments.dtype == pl.Time:
        nano = moments.cast(pl.Int64).cast(pl.Float64).to_numpy()
        return np.asarray(nano / (1000 * DAY), dtype=np.float64)
    micro = moments.cast(pl.Datetime("us")).cast(pl.Int64).cast(pl.Float64).to_numpy()
    return np.asarray(micro / DAY, dtype=np.float64)
