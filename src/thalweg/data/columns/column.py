"""A column of a table: its kind, and how its cells become numbers and cells again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.core import InputError

SHOWN = 10
"""Bad cells that are shown, one by one; the others are counted."""


class BadCell(NamedTuple):
    """A cell that cannot be what its column is."""

    row: int
    column: str
    value: str
    expected: str

    def __str__(self) -> str:
        shown = self.value if len(self.value) <= 40 else self.value[:37] + "..."
        return f"row {self.row}, column {self.column!r} is {shown!r}; expected {self.expected}"


@dataclass
class BadCells:
    """Those that were met: the first ones, and how many in all."""

    refused: bool = False
    """whether the first is an error"""
    name: str = "X"
    count: int = 0
    first: list[BadCell] = field(default_factory=list)

    def note_unread(self, cells: pl.Series, values: pl.Series, column: Column, start: int) -> None:
        """Those of a column's cells, from row ``start`` on, that no value could be made of."""
        if values.null_count() == cells.null_count():
            return
        rows = (values.is_null() & cells.is_not_null()).arg_true()
        for row in rows.head(SHOWN - len(self.first)):
            found = BadCell(start + row, column.name, str(cells[row]), column.expected)
            if self.refused:
                raise InputError(f"{self.name}: {found}")
            self.first.append(found)
        self.count += len(rows)

    def sentences(self) -> list[str]:
        """What to say of them."""
        if not self.count:
            return []
        more = self.count - len(self.first)
        said = [f"{self.name}: {each}, and is taken as missing" for each in self.first]
        return said + ([f"{self.name}: {more} more such cells"] if more else [])


class Column(ABC):
    """One column, of a kind that was found when the model was trained.

    Its cells become ``width`` entries of a row: one or several numbers, or a word's indicators, of
    which one is 1. A missing cell is NaN in all of them.
    """

    kind: ClassVar[str]
    """What it is called when people are told of it"""

    name: str
    expected: str = ""
    """What a cell should be, for messages"""

    @property
    @abstractmethod
    def entries(self) -> list[str]:
        """Names of its entries; none of a column that takes no part."""

    @property
    def width(self) -> int:
        return len(self.entries)

    @property
    def prior(self) -> NDArray[np.float64] | None:
        """Of a word: how probable each entry is, all above 0; None of other columns."""
        return None

    @property
    def turns(self) -> tuple[bool, ...]:
        """Of each entry, whether it is one of the two coordinates of a place on a circle."""
        return (False,) * self.width

    @abstractmethod
    def encode(self, cells: pl.Series, bad: BadCells, start: int = 0) -> NDArray[np.floating]:
        """(n, width) for the cells of n rows, the first of which is row ``start``."""

    @abstractmethod
    def decode(self, block: NDArray[np.floating]) -> pl.Series:
        """The values that entries (n, width), none of them NaN, stand for."""

    def written(self, values: pl.Series) -> pl.Series:
        """Values as texts of the kind that the column has."""
        return values.cast(pl.String)

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Its kind, name, and what else was found."""

    @classmethod
    @abstractmethod
    def from_json(cls, parts: Mapping[str, Any]) -> Column:
        """What :meth:`to_json` wrote, checked.

        Raises
        ------
        InputError
            If a part is missing, or is none of this kind.
        """


def part(parts: Mapping[str, Any], name: str, *kinds: type) -> Any:
    """A part of a column's description, of one of some types."""
    value = parts.get(name)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise InputError(f"a column's {name} is {value!r:.60}")
    return value


def texts(parts: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A list of different texts."""
    values = part(parts, name, list)
    if not all(isinstance(each, str) for each in values) or len(set(values)) != len(values):
        raise InputError(f"a column's {name} are not different texts")
    return tuple(values)


def counts(parts: Mapping[str, Any], name: str, length: int) -> tuple[int, ...]:
    """A list of so many counts."""
    values = part(parts, name, list)
    fit = all(type(each) is int and 0 <= each < 2**53 for each in values)
    if not fit or len(values) != length:
        raise InputError(f"a column's {name} are not {length} counts")
    return tuple(values)
