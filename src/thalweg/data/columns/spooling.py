"""Rows that come batch by batch, in memory while they are few, then in a mapped file."""

from __future__ import annotations

import tempfile
from typing import IO

import numpy as np
from numpy.typing import NDArray

IN_MEMORY = 64 * 2**20
"""Bytes, from which on rows go to disk"""


class RowSpool:
    """Gathers rows (n, width) of one type.

    The file lies in the system's folder for temporary files and goes away with the rows.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._parts: list[NDArray[np.floating]] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None

    def append(self, rows: NDArray[np.floating]) -> None:
        """Add rows at the end."""
        self._bytes += rows.nbytes
        self._parts.append(rows)
        if self._file is None and self._bytes <= IN_MEMORY:
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed once it is mapped
        self._dtype = rows.dtype
        for part in self._parts:
            self._file.write(np.ascontiguousarray(part).data)
        self._parts = []

    def rows(self) -> NDArray[np.floating]:
        """All of them."""
        if self._file is None:
            if len(self._parts) == 1:
                return self._parts[0]
            return np.concatenate(self._parts) if self._parts else np.empty((0, self._width))
        with self._file as file:
            file.flush()
            shape = (self._bytes // (self._width * self._dtype.itemsize), self._width)
            return np.memmap(file, self._dtype, "r+", shape=shape)
