"""Columns that take no part: they stand beside the answers, or say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.data.columns.column import BadCells, Column, part


@dataclass(frozen=True)
class Carried(Column):
    """A column without entries."""

    name: str

    @property
    def entries(self) -> list[str]:
        return []

    def encode(self, cells: pl.Series, bad: BadCells, start: int = 0) -> NDArray[np.floating]:
        return np.empty((len(cells), 0))

    def decode(self, block: NDArray[np.floating]) -> pl.Series:
        return pl.Series(self.name, [None] * len(block), dtype=pl.String)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name}

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> Self:
        return cls(part(parts, "name", str))


@dataclass(frozen=True)
class Identifier(Carried):
    """Says which row is which, by which answers can be joined."""

    kind: ClassVar[str] = "identifier"


@dataclass(frozen=True)
class Text(Carried):
    """Sentences, names: nearly every row has another."""

    kind: ClassVar[str] = "free text"


@dataclass(frozen=True)
class Empty(Carried):
    """No row of training had a value."""

    kind: ClassVar[str] = "empty"


@dataclass(frozen=True)
class Nested(Carried):
    """Lists, records, bytes: nothing that a row of numbers is made of."""

    kind: ClassVar[str] = "nested"
