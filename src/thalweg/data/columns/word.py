"""Columns of words: categories, truth values, and what is the same in every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.core import InputError
from thalweg.data.columns.column import BadCells, Column, counts, part, texts
from thalweg.data.columns.dates import as_moments, moments_of_texts
from thalweg.data.columns.missing import cells_of

OTHER, NEW = "(other)", "(never seen)"
"""Entries of a word for rare ones together, and for any that training did not see"""

HALF = 0.5
"""What is added to the count of each entry (Krichevsky and Trofimov): none is impossible."""


@dataclass(frozen=True)
class Word(Column):
    """A column of words, each an entry; of a row the one that is there has a 1."""

    name: str
    words: tuple[str, ...]
    """different texts, that have an entry of their own"""
    seen: tuple[int, ...]
    """how often each was there in training; then all rarer ones together, which share an entry"""
    typed: bool = False
    """whether the cells were of a type of their own (numbers, truth values), not texts"""
    rare: tuple[str, ...] = ()
    """which ones are rare; empty where they are too many to be told from those never seen"""
    _place: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._place.update((word, at) for at, word in enumerate(self.words))
        self._place.update(dict.fromkeys(self.rare, len(self.words)))

    has_new: ClassVar[bool] = True
    """Whether a word that training did not see has an entry; without, it is a bad cell"""

    @property
    def entries(self) -> list[str]:
        others = [OTHER] * self._has_other + [NEW] * self.has_new
        return [f"{self.name}={word}" for word in (*self.words, *others)]

    @property
    def _has_other(self) -> bool:
        return len(self.seen) > len(self.words)

    @property
    def prior(self) -> NDArray[np.float64]:
        count = np.array([*self.seen, *[0] * self.has_new], dtype=np.float64) + HALF
        return np.asarray(count / count.sum())

    def encode(self, cells: pl.Series, bad: BadCells, start: int = 0) -> NDArray[np.floating]:
        words = self._words_of(self._cells(cells))
        new = len(self.words) + self._has_other
        unlisted = new - 1 if self._has_other and not self.rare else new
        at = words.replace_strict(self._place, default=unlisted, return_dtype=pl.Int64)
        known = words.is_not_null().to_numpy()
        block = np.zeros((len(words), new + 1))
        block[~known] = np.nan
        rows = np.flatnonzero(known)
        block[rows, at.to_numpy()[rows].astype(np.int64)] = 1
        return block

    def _cells(self, cells: pl.Series) -> pl.Series:
        """With null where there is no word; "none" is one where it was in training."""
        return cells_of(cells, none="none" not in (*self.words, *self.rare))

    def _words_of(self, cells: pl.Series) -> pl.Series:
        return cells.cast(pl.String)

    def decode(self, block: NDArray[np.floating]) -> pl.Series:
        # what is rare or new is no word that could be filled in
        likeliest = block[:, : len(self.words)].argmax(axis=1)
        return pl.Series(self.name, np.array(self.words, dtype=object)[likeliest], dtype=pl.String)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "name": self.name, "words": list(self.words),
            "seen": list(self.seen), "typed": self.typed, "rare": list(self.rare),
        }  # fmt: skip

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> Self:
        words = texts(parts, "words")
        if not words:
            raise InputError("a column of words has none")
        rare = len(part(parts, "seen", list)) - len(words)
        seen = counts(parts, "seen", len(words) + (1 if rare == 1 else 0))
        listed = texts(parts, "rare")
        if (listed and rare != 1) or set(listed) & set(words):
            raise InputError("a column's rare words are none, or frequent")
        return cls(part(parts, "name", str), words, seen, part(parts, "typed", bool), listed)


@dataclass(frozen=True)
class Category(Word):
    """A word out of several; one that training did not see has an entry of its own."""

    kind: ClassVar[str] = "category"
    expected: str = "a word"


@dataclass(frozen=True)
class Truth(Word):
    """True or false, as it was written: yes and no, T and F."""

    kind: ClassVar[str] = "truth value"
    has_new: ClassVar[bool] = False
    expected: str = "a truth value"

    def encode(self, cells: pl.Series, bad: BadCells, start: int = 0) -> NDArray[np.floating]:
        cells = cells_of(cells, none=True)
        words = self._words_of(cells)
        at = words.replace_strict(TRUTHS, default=None, return_dtype=pl.Float64)
        bad.note_unread(cells, at, self, start)
        value = at.to_numpy().astype(np.float64)
        return np.stack([1 - value, value], axis=1)

    def _words_of(self, cells: pl.Series) -> pl.Series:
        if cells.dtype.is_numeric():
            cells = cells.cast(pl.Int64, strict=False)
        return cells.cast(pl.String).str.to_lowercase()

    def decode(self, block: NDArray[np.floating]) -> pl.Series:
        if self.typed:
            return pl.Series(self.name, block[:, 1] > block[:, 0])
        return super().decode(block)

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> Self:
        found = super().from_json(parts)
        if [TRUTHS.get(word.lower()) for word in found.words] != [0, 1] or len(found.seen) != 2:
            raise InputError(f"a column of truth values has {found.words!r:.80}")
        return found


@dataclass(frozen=True)
class Constant(Word):
    """The same in every row of training; anything else is as improbable as a word never seen."""

    kind: ClassVar[str] = "constant"
    expected: str = "the value that all rows have"

    def _words_of(self, cells: pl.Series) -> pl.Series:
        text = (as_moments(cells) if cells.dtype.is_temporal() else cells).cast(pl.String)
        only = self.words[0]
        number = pl.Series([only]).cast(pl.Float64, strict=False)[0]
        if number is None:
            return text
        same = text.cast(pl.Float64, strict=False) == number
        return text.set(same.fill_null(False), only)

    def decode(self, block: NDArray[np.floating]) -> pl.Series:
        values = pl.Series(self.name, [self.words[0]], dtype=pl.String).new_from_index(
            0, len(block)
        )
        if not self.typed:
            return values
        number = values.cast(pl.Float64, strict=False)
        if number.null_count():
            return moments_of_texts(values)
        whole = number.cast(pl.Int64, strict=False)
        return whole if (whole == number).all() and "." not in self.words[0] else number

    def written(self, values: pl.Series) -> pl.Series:
        return pl.Series(self.name, [self.words[0]]).new_from_index(0, len(values))


TRUTHS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "ja", "oui", "wahr", "vrai"), 1),
    **dict.fromkeys(("false", "f", "no", "n", "0", "nein", "non", "falsch", "faux"), 0),
}
"""Truth values as they are spelled"""

PAIRS = (
    {"true", "false"}, {"t", "f"}, {"yes", "no"}, {"y", "n"}, {"ja", "nein"}, {"oui", "non"},
    {"wahr", "falsch"}, {"vrai", "faux"},
)  # fmt: skip
"""What goes together"""


@dataclass(frozen=True)
class OneHot(Word):
    """Words of models of version 1, which know no other word than those of training."""

    kind: ClassVar[str] = "one-hot"
    has_new: ClassVar[bool] = False
    expected: str = "a word of training"

    def encode(self, cells: pl.Series, bad: BadCells, start: int = 0) -> NDArray[np.floating]:
        cells = self._cells(cells)
        words = self._words_of(cells)
        known = words.set((~words.is_in(list(self.words))).fill_null(False), None)
        bad.note_unread(cells, known, self, start)
        return super().encode(known, bad, start)[:, :-1]
