"""A file with a table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import polars as pl

BATCH_ROWS = 131_072


class TableFile(ABC):
    """Columns by name, read whole or batch by batch, as often as wanted.

    Attributes
    ----------
    path : Path
        As it was given.
    names : list of str
        Of the columns: all different, none empty.
    notes : list of str
        What was done to names and columns, a sentence each.
    """

    path: Path
    names: list[str]
    notes: list[str]

    @property
    def source(self) -> str:
        """What the file is called in messages."""
        return str(self.path)

    @property
    @abstractmethod
    def n_rows(self) -> int | None:
        """None where only reading tells."""

    @property
    @abstractmethod
    def size_bytes(self) -> int:
        """Of the file on disk, compressed as it may be."""

    @abstractmethod
    def _frames(self, rows: int) -> Iterator[pl.DataFrame]:
        """Frames in the file's order, of any height."""

    @abstractmethod
    def _empty(self) -> pl.DataFrame:
        """A frame of these columns without rows."""

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[pl.DataFrame]:
        """The table in the order of the file, in bounded memory.

        Parameters
        ----------
        rows : int, default 131072
            Of each batch but the last.

        Raises
        ------
        InputError
            If the file cannot be read on.
        """
        waiting: list[pl.DataFrame] = []
        height = 0
        for frame in self._frames(rows):
            waiting.append(frame)
            height += frame.height
            if height < rows:
                continue
            whole = pl.concat(waiting)
            last = height - height % rows
            for start in range(0, last, rows):
                yield whole.slice(start, rows)
            waiting, height = [whole.slice(last)], height - last
        if height:
            yield pl.concat(waiting)

    def read(self) -> pl.DataFrame:
        """The whole table."""
        return pl.concat([self._empty(), *self._frames(BATCH_ROWS)])
