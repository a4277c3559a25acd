"""Rows of numbers, in memory or on disk, read piece by piece."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from thalweg.data.source import Source


class Rows(Source):
    """An array (n, d), float32 or float64, that may be mapped from a file larger than memory.

    Pages of a mapped file count as the process's memory once they were touched; ``chunks`` gives
    them back to the system as it goes. A row may have no visible entry.
    """

    may_be_silent: ClassVar[bool] = True

    kept: NDArray[np.bool_] | None = None
    """(n',), which rows of others these are; None where they are all there were"""

    def __init__(self, values: NDArray[np.floating]) -> None:
        self._values = values
        self._map = _map_below(values)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def values(self) -> NDArray[np.floating]:
        """All of them as one array."""
        return self._values

    @property
    def n_columns(self) -> int:
        return int(self.values.shape[1])

    @property
    def dtype(self) -> np.dtype:
        return self.values.dtype

    @property
    def on_disk(self) -> bool:
        return self._map is not None

    @property
    def is_array(self) -> bool:
        """Whether ``values`` is there, in memory, and costs nothing."""
        return not self.on_disk

    def chunks(self) -> Iterator[tuple[int, NDArray[np.floating]]]:
        """Consecutive blocks of rows, each with the position of its first row."""
        size = self.chunk_rows
        for start in range(0, len(self), size):
            chunk = self.values[start : start + size]
            # a copy where pages are given back; torch wants arrays that it may write to
            yield start, chunk.copy() if self.on_disk or not chunk.flags.writeable else chunk
            self._release()

    def some(self, index: NDArray[np.integer]) -> Rows:
        """Those of the rows, in the order asked for."""
        return Rows(self.take(index))

    def take(self, index: NDArray[np.integer]) -> NDArray[np.floating]:
        """A copy of some rows, in the order asked for."""
        if not self.on_disk:
            return np.ascontiguousarray(self.values[index])
        result = np.empty((len(index), self.n_columns), self.dtype)
        order = np.argsort(index, kind="stable")
        # one stretch of the file after the other, for every row brings in its whole page
        stretch = index[order] // self.chunk_rows
        for part in np.split(order, np.flatnonzero(np.diff(stretch)) + 1):
            result[part] = self.values[index[part]]
            self._release()
        return result

    def between(self, start: int, stop: int) -> Rows:
        """A range of rows."""
        return Rows(self.values[start:stop])

    def speaking(self) -> Rows:
        """Those with a visible entry: from the others there is nothing to learn.

        A copy, on disk where these are.
        """
        kept = np.concatenate([~np.isnan(chunk).all(axis=1) for _, chunk in self.chunks()])
        shape = (int(kept.sum()), self.n_columns)
        result = Rows(scratch(shape, self.dtype) if self.on_disk else np.empty(shape, self.dtype))
        done = 0
        for start, chunk in self.chunks():
            part = chunk[kept[start : start + len(chunk)]]
            result.values[done : done + len(part)] = part
            done += len(part)
        result.kept = kept
        return result

    def among_all(self, answers: NDArray[Any]) -> NDArray[Any]:
        """What was found of these rows (n, ...), for all that there were; 0 for the silent ones."""
        if self.kept is None:
            return answers
        whole = np.zeros((len(self.kept), *answers.shape[1:]), answers.dtype)
        whole[self.kept] = answers
        return whole

    def _release(self) -> None:
        if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)


def scratch(shape: tuple[int, ...], dtype: np.dtype) -> NDArray[Any]:
    """An array in a temporary file, which goes away with it."""
    with tempfile.TemporaryFile() as file:
        file.truncate(max(1, int(np.prod(shape)) * dtype.itemsize))
        return np.memmap(file, dtype, "r+", shape=shape)


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


def first_not_binary(rows: Rows) -> tuple[int, int, float] | None:
    """Row, column and value of the first entry that is neither 0 nor 1; None if there is none."""
    for start, chunk in rows.chunks():
        other = (chunk != 0) & (chunk != 1) & ~np.isnan(chunk)
        if other.any():
            row, column = np.argwhere(other)[0]
            return start + int(row), int(column), float(chunk[row, column])
    return None


def binary_columns(rows: Rows) -> NDArray[np.bool_]:
    """Of which columns all visible entries are 0 or 1: (d,)."""
    binary = np.ones(rows.n_columns, bool)
    for _, chunk in rows.chunks():
        binary &= ((chunk == 0) | (chunk == 1) | np.isnan(chunk)).all(axis=0)
    return binary
