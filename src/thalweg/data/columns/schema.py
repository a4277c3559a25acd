"""The columns of a model's table: found once at training, saved with it, the same everywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.core import InputError, Layout
from thalweg.data.columns.carried import Empty, Identifier, Nested, Text
from thalweg.data.columns.column import BadCells, Column, part
from thalweg.data.columns.evidence import Evidence
from thalweg.data.columns.moment import Moment
from thalweg.data.columns.number import Number
from thalweg.data.columns.word import Category, Constant, OneHot, Truth, Word
from thalweg.data.table_files.names import listed

KINDS: dict[str, type[Column]] = {
    each.kind: each
    for each in (Number, Category, Truth, Moment, Constant, Identifier, Text, Empty, Nested, OneHot)
}

PLURALS = {
    "number": "numbers", "category": "categories", "truth value": "truth values",
    "date or time": "dates or times", "constant": "constant", "identifier": "identifiers",
    "free text": "free text", "empty": "without a value", "nested": "nested", "one-hot": "words",
}  # fmt: skip


class Schema:
    """Columns in the order of the training table, and how a table becomes rows of numbers.

    Parameters
    ----------
    columns : iterable of Column
        Of different names.
    """

    def __init__(self, columns: Iterable[Column]) -> None:
        self.columns = tuple(columns)
        if len({column.name for column in self.columns}) != len(self.columns):
            raise InputError("two columns of a table have one name")

    @classmethod
    def of(
        cls,
        batches: Iterable[pl.DataFrame],
        name: str,
        decimal: str | None = None,
        identifiers: Iterable[str] = (),
    ) -> Schema:
        """The kinds that the columns of a table are of, which may come in batches.

        Those that are named as identifiers are.

        Raises
        ------
        InputError
            If no column is left that a model could learn from.
        """
        found: list[Evidence] = []
        for frame in batches:
            found = found or [Evidence(column, decimal) for column in frame.columns]
            for evidence, column in zip(found, frame.iter_columns(), strict=True):
                evidence.add(column)
        schema = cls(
            Identifier(evidence.name) if evidence.name in identifiers else evidence.kind()
            for evidence in found
        )
        schema.check_learnable(name)
        return schema

    def check_learnable(self, name: str) -> None:
        """Refuse a table of which no column takes part."""
        if not any(each.width and not isinstance(each, Constant) for each in self.columns):
            raise InputError(
                f"{name}: nothing is left to learn from ({self.counted()}); expected a column of "
                "numbers, categories, truth values or dates"
            )

    @property
    def names(self) -> list[str]:
        """Of all columns."""
        return [column.name for column in self.columns]

    @cached_property
    def entries(self) -> list[str]:
        """Names of the entries of a row."""
        return [entry for column in self.columns for entry in column.entries]

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """The columns by their names."""
        return {column.name: column for column in self.columns}

    @cached_property
    def spans(self) -> list[tuple[Column, slice]]:
        """Columns that take part, and which entries of a row are theirs."""
        result, at = [], 0
        for column in self.columns:
            if column.width:
                result.append((column, slice(at, at + column.width)))
                at += column.width
        return result

    @cached_property
    def layout(self) -> Layout:
        """Which entries are numbers, which are words."""
        words = [(at.start, at.stop) for column, at in self.spans if isinstance(column, Word)]
        return Layout(self.spans[-1][1].stop if self.spans else 0, tuple(words))

    @property
    def has_energies(self) -> bool:
        """Whether words have an energy of their own; those of models of version 1 have none."""
        return not any(isinstance(column, OneHot) for column in self.columns)

    @cached_property
    def prior(self) -> NDArray[np.float64]:
        """How probable each entry of a word is by itself: (width,); 1 for numbers."""
        parts = [np.ones(c.width) if c.prior is None else c.prior for c in self.columns]
        return np.concatenate(parts) if parts else np.empty(0)

    @cached_property
    def circles(self) -> NDArray[np.bool_]:
        """Which entries are coordinates of a place on a circle: (width,)."""
        return np.array([turn for column in self.columns for turn in column.turns], dtype=bool)

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """Of each number among the entries, how many of them make a column: (width,)."""
        parts = []
        for column in self.columns:
            several = 1 + sum(column.turns) // 2 - (len(column.turns) == 2)
            parts.append(np.full(column.width, float(max(1, several))))
        return np.concatenate(parts) if parts else np.empty(0)

    def places(self, name: str) -> range | None:
        """Where the entries of a column are in a row; None of one that is not there."""
        if name not in self.by_name:
            return None
        spans = (at for column, at in self.spans if column.name == name)
        return next((range(at.start, at.stop) for at in spans), range(0))

    @property
    def single(self) -> bool:
        """Whether rows of single precision hold all that there is."""
        return all(isinstance(each, Number) and each.single for each, _ in self.spans)

    def encode(self, frame: pl.DataFrame, bad: BadCells, start: int = 0) -> NDArray[np.floating]:
        """Rows (n, width); what is missing is NaN, and so are columns that the frame lacks."""
        kind = np.float32 if self.single else np.float64
        result = np.empty((frame.height, self.layout.width), kind)
        for column, at in self.spans:
            there = column.name in frame.columns
            result[:, at] = column.encode(frame[column.name], bad, start) if there else np.nan
        return result

    def decode(self, rows: NDArray[np.floating]) -> pl.DataFrame:
        """The table that rows stand for, of the columns that take part."""
        decoded = [column.decode(rows[:, at]).alias(column.name) for column, at in self.spans]
        return pl.DataFrame(decoded)

    def identifiers(self) -> list[str]:
        """Names of the columns that say which row is which."""
        return [column.name for column in self.columns if isinstance(column, Identifier)]

    def counted(self) -> str:
        """How many columns there are of each kind, in words."""
        counts = Counter(column.kind for column in self.columns)
        return ", ".join(
            f"{counts[kind]} {kind if counts[kind] == 1 else PLURALS[kind]}"
            for kind in KINDS
            if counts[kind]
        )

    def match(self, names: list[str], source: str) -> list[str]:
        """Sentences on columns that a table lacks, or has besides.

        Raises
        ------
        InputError
            If it has none of those that take part.
        """
        taking = [column.name for column, _ in self.spans]
        lacks = [name for name in taking if name not in names]
        if len(lacks) == len(taking):
            raise InputError(
                f"{source}: columns are {listed(names)}; expected those of training: "
                f"{listed(taking)}"
            )
        unknown = [name for name in names if name not in self.names]
        said = []
        if lacks:
            said.append(f"{source}: no column {listed(lacks)}, taken as missing in every row")
        if unknown:
            said.append(f"{source}: {listed(unknown)} was no column of training and is left out")
        return said

    def to_json(self) -> dict[str, Any]:
        return {"columns": [column.to_json() for column in self.columns]}

    @classmethod
    def from_json(cls, value: Any) -> Schema:
        """What :meth:`to_json` wrote, or version 1 did, checked.

        Raises
        ------
        InputError
            If it is something else.
        """
        if isinstance(value, list):
            return cls(_of_version_1(each) for each in value)
        if not isinstance(value, dict) or set(value) != {"columns"}:
            raise InputError("table must be an object of JSON with columns alone")
        columns = []
        for each in part(value, "columns", list):
            if not isinstance(each, dict) or each.get("kind") not in KINDS:
                raise InputError(f"table has a column of no known kind: {each!r:.80}")
            columns.append(KINDS[each["kind"]].from_json(each))
        return cls(columns)


def _of_version_1(column: Any) -> Column:
    """A pair: a name, and null or the words that have an entry each."""
    if not isinstance(column, list) or len(column) != 2 or not isinstance(column[0], str):
        raise InputError("table must be a list of columns: a name, and null or its categories")
    name, words = column
    if words is None:
        return Number(name)
    if not isinstance(words, list) or not all(isinstance(each, str) for each in words):
        raise InputError("table must be a list of columns: a name, and null or its categories")
    if not words:
        return Empty(name)
    if len(set(words)) != len(words):
        raise InputError(f"column {name!r:.60} has a category twice")
    return OneHot(name, tuple(words), (1,) * len(words))
