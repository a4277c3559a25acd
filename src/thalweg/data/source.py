"""Rows of numbers that are read piece by piece, wherever they come from."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from thalweg.core import InputError


class Summary(NamedTuple):
    """What one pass over rows tells."""

    visible: NDArray[np.int64]
    """(d,), entries that are not NaN"""
    mean: NDArray[np.float64]
    """(d,), of the visible entries; 0 where there are none"""
    squares: NDArray[np.float64]
    """(d,), sum of the squared deviations of the visible entries from their mean"""
    hidden: bool
    """whether any entry is NaN"""
    silent: int = 0
    """rows with no visible entry, which say nothing"""

    @property
    def variance(self) -> NDArray[np.float64]:
        """(d,), of the visible entries."""
        return self.squares / np.maximum(self.visible, 1)


class Source(ABC):
    """n rows of d numbers, float32 or float64; NaN stands for an entry that is hidden."""

    chunk_bytes: ClassVar[int] = 8 * 2**20
    """How much is looked at at a time."""

    may_be_silent: ClassVar[bool] = False
    """Whether a row may have no visible entry."""

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def n_columns(self) -> int:
        """d."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype:
        """Of the rows as they are given out."""

    @abstractmethod
    def take(self, index: NDArray[np.integer]) -> NDArray[np.floating]:
        """A copy of some rows, in the order asked for."""

    @property
    def torch_dtype(self) -> torch.dtype:
        return torch.from_numpy(np.empty(0, self.dtype)).dtype

    @property
    def chunk_rows(self) -> int:
        """How many rows are looked at at a time."""
        return max(1, self.chunk_bytes // max(1, self.n_columns * self.dtype.itemsize))

    def chunks(self) -> Iterator[tuple[int, NDArray[np.floating]]]:
        """Consecutive blocks of rows, each with the position of its first row."""
        for start in range(0, len(self), self.chunk_rows):
            yield start, self.take(np.arange(start, min(start + self.chunk_rows, len(self))))

    def check(self, name: str = "X", columns: list[str] | None = None) -> None:
        """One pass over every entry, as rows that are asked about need it.

        Raises
        ------
        InputError
            If an entry is infinite, or a row that has to have a visible entry has none; the message
            names it.
        """
        for start, chunk in self.chunks():
            if not np.isfinite(chunk.sum(dtype=np.float64)):
                self._refuse(chunk, start, name, columns)

    def summary(self, name: str = "X", columns: list[str] | None = None) -> Summary:
        """One pass: moments of every column, and a check of every entry.

        Raises
        ------
        InputError
            As :meth:`check`; and if a row is too large to be squared, as all that learns from it
            would have to.
        """
        d = self.n_columns
        visible, mean, squares = np.zeros(d, np.int64), np.zeros(d), np.zeros(d)
        any_hidden, silent = False, 0
        room = self._room()
        for start, chunk in self.chunks():
            if np.isfinite(chunk.sum(dtype=np.float64)):
                count = np.full(d, len(chunk), np.int64)
                known = chunk
            else:
                self._refuse(chunk, start, name, columns)
                hidden = np.isnan(chunk)
                any_hidden = any_hidden or bool(hidden.any())
                silent += int(hidden.all(axis=1).sum())
                count = len(chunk) - hidden.sum(axis=0)
                known = np.where(hidden, 0, chunk)
            if max(known.max(), -known.min()) > room / d**0.5:
                self._refuse_large(known, start, name, columns)
            here = known.sum(axis=0, dtype=np.float64) / np.maximum(count, 1)
            deviation = known - here.astype(chunk.dtype)
            if any_hidden:
                deviation[np.isnan(chunk)] = 0
            spread = np.einsum("nd,nd->d", deviation, deviation, dtype=np.float64)
            # Chan, Golub, LeVeque: moments of two parts together
            total = np.maximum(visible + count, 1)
            squares += spread + (here - mean) ** 2 * visible * count / total
            mean += (here - mean) * count / total
            visible += count
        return Summary(visible, mean, squares, any_hidden, silent)

    def hiding(self) -> NDArray[np.int64]:
        """Positions of the rows that hide an entry, in order."""
        found = [
            start + np.flatnonzero(np.isnan(chunk).any(axis=1))
            for start, chunk in self.chunks()
            if not np.isfinite(chunk.sum(dtype=np.float64))
        ]
        return np.concatenate([np.empty(0, np.int64), *found])

    def _room(self) -> float:
        """Length, at most, of a row that distances to others, squared, are numbers for."""
        limits = np.finfo(self.dtype)
        # sums over rows are in double precision
        rows = len(self) if self.dtype == np.float64 else 1
        return float(np.sqrt(float(limits.max) / 8 / max(1, rows)))

    def fingerprint(self) -> str:
        """A short text that differs where rows do."""
        found = hashlib.sha256()
        for _, chunk in self.chunks():
            found.update(np.ascontiguousarray(chunk).data)
        return found.hexdigest()[:16]

    def _refuse(
        self, chunk: NDArray[np.floating], start: int, name: str, columns: list[str] | None
    ) -> None:
        """Stop at an infinite entry, or a silent row, of a chunk that begins at row ``start``."""
        infinite = np.isinf(chunk)
        if infinite.any():
            row, column = np.argwhere(infinite)[0]
            raise InputError(
                f"{name}: {self._entry(start + int(row), int(column), columns)} is "
                f"{chunk[row, column]}; expected a finite number, or NaN for a hidden entry "
                "(infinity, inf, cannot be used)"
            )
        if self.may_be_silent:
            return
        silent = np.isnan(chunk).all(axis=1)
        if silent.any():
            raise InputError(
                f"{name}: {self._row(start + int(np.argmax(silent)))} has no visible entry (all "
                "NaN); expected at least one number in every one"
            )

    def _refuse_large(
        self, known: NDArray[np.floating], start: int, name: str, columns: list[str] | None
    ) -> None:
        """Stop at a row of a chunk that is too large to be squared."""
        room = self._room()
        scaled = known / room
        large = np.einsum("nd,nd->n", scaled, scaled, dtype=np.float64) > 1
        if large.any():
            row = int(np.argmax(large))
            column = int(np.argmax(np.abs(known[row])))
            raise InputError(
                f"{name}: {self._entry(start + row, column, columns)} is {known[row, column]:.6g}, "
                f"which cannot be squared in {self.dtype.name}; expected numbers up to about "
                f"{room / self.n_columns**0.5:.0e}, and NaN where a large number stands for what "
                "is missing"
            )

    def _row(self, row: int) -> str:
        return f"row {row}"

    def _entry(self, row: int, column: int, columns: list[str] | None) -> str:
        return f"row {row}, column {repr(columns[column]) if columns else column}"
