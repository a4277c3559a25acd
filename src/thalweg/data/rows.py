"""Rows of numbers, in memory or on disk, read piece by piece."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thalweg.data.source import Source


class Rows(Source):
    """An array (n, d), float32 or float64, that may be mapped from a file larger than memory.

    Pages of a mapped file count as the process's memory once they were touched; ``chunks`` gives
    them back to the system as it goes.
    """

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

    def _release(self) -> None:
        if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)


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
        other = (chunk != 0) & (chunk != 1)
        if other.any():
            row, column = np.argwhere(other)[0]
            return start + int(row), int(column), float(chunk[row, column])
    return None
