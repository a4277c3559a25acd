"""Rows of numbers, in memory or on disk, read piece by piece."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from thalweg.core import InputError

CHUNK_BYTES = 8 * 2**20
"""How much of a file is looked at at a time."""


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

    @property
    def variance(self) -> NDArray[np.float64]:
        """(d,), of the visible entries."""
        return self.squares / np.maximum(self.visible, 1)


class Rows:
    """An array (n, d), float32 or float64, that may be mapped from a file larger than memory.

    Pages of a mapped file count as the process's memory once they were touched; ``chunks`` gives
    them back to the system as it goes.
    """

    def __init__(self, values: NDArray[np.floating]) -> None:
        self.values = values
        self._map = _map_below(values)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_columns(self) -> int:
        return int(self.values.shape[1])

    @property
    def dtype(self) -> np.dtype:
        return self.values.dtype

    @property
    def torch_dtype(self) -> torch.dtype:
        return torch.from_numpy(np.empty(0, self.dtype)).dtype

    @property
    def on_disk(self) -> bool:
        return self._map is not None

    def chunks(self) -> Iterator[tuple[int, NDArray[np.floating]]]:
        """Consecutive blocks of rows, each with the position of its first row."""
        size = max(1, CHUNK_BYTES // max(1, self.values[:1].nbytes))
        for start in range(0, len(self), size):
            chunk = self.values[start : start + size]
            # a copy where pages are given back; torch wants arrays that it may write to
            yield start, chunk.copy() if self.on_disk or not chunk.flags.writeable else chunk
            self._release()

    def take(self, index: NDArray[np.integer]) -> NDArray[np.floating]:
        """A copy of some rows, in the order asked for."""
        if not self.on_disk:
            return np.ascontiguousarray(self.values[index])
        result = np.empty((len(index), self.n_columns), self.dtype)
        order = np.argsort(index, kind="stable")
        # one stretch of the file after the other, for every row brings in its whole page
        size = max(1, CHUNK_BYTES // max(1, self.values[:1].nbytes))
        stretch = index[order] // size
        for part in np.split(order, np.flatnonzero(np.diff(stretch)) + 1):
            result[part] = self.values[index[part]]
            self._release()
        return result

    def between(self, start: int, stop: int) -> Rows:
        """A range of rows."""
        return Rows(self.values[start:stop])

    def summary(self, name: str = "X", columns: list[str] | None = None) -> Summary:
        """One pass: moments of every column, and a check of every entry.

        Raises
        ------
        InputError
            If an entry is infinite or a row has no visible entry; the message names it.
        """
        d = self.n_columns
        visible, mean, squares = np.zeros(d, np.int64), np.zeros(d), np.zeros(d)
        any_hidden = False
        for start, chunk in self.chunks():
            if np.isfinite(chunk.sum(dtype=np.float64)):
                count = np.full(d, len(chunk), np.int64)
                known = chunk
            else:
                _refuse(chunk, start, name, columns)
                hidden = np.isnan(chunk)
                any_hidden = any_hidden or bool(hidden.any())
                count = len(chunk) - hidden.sum(axis=0)
                known = np.where(hidden, 0, chunk)
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
        return Summary(visible, mean, squares, any_hidden)

    def _release(self) -> None:
        if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)


def fingerprint(rows: Rows) -> str:
    """A short text that differs where rows do."""
    found = hashlib.sha256()
    for _, chunk in rows.chunks():
        found.update(np.ascontiguousarray(chunk).data)
    return found.hexdigest()[:16]


def _refuse(chunk: NDArray[np.floating], start: int, name: str, columns: list[str] | None) -> None:
    infinite = np.isinf(chunk)
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        shown = repr(columns[column]) if columns else str(column)
        raise InputError(
            f"{name}: row {start + row}, column {shown} is {chunk[row, column]}; expected a "
            "finite number, or NaN for a hidden entry (infinity, inf, cannot be used)"
        )
    empty = np.isnan(chunk).all(axis=1)
    if empty.any():
        raise InputError(
            f"{name}: row {start + int(np.argmax(empty))} has no visible entry (all NaN); "
            "expected at least one number in every row"
        )


def _map_below(values: Any) -> mmap.mmap | None:
    """The file mapping that an array is a view of, if its pages may be dropped.

    A private mapping (numpy's copy-on-write mode "c") may hold changes that exist nowhere else,
    so its pages stay.
    """
    below = values
    while isinstance(below, np.ndarray):
        if isinstance(below, np.memmap) and below.mode == "c":
            return None
        below = below.base
    return below if isinstance(below, mmap.mmap) else None
