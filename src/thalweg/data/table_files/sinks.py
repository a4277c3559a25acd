"""Where rows that are written go: text as they come, Parquet and arrays by way of parts."""

from __future__ import annotations

import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.core import InputError, NotWrittenError
from thalweg.core.leftovers import beside_name

PART_ROWS = 131_072
"""Held in memory at a time"""


class Sink(ABC):
    """Takes rows, and is told when there are no more."""

    separator = ","
    """between the cells of text"""

    @abstractmethod
    def append(self, frame: pl.DataFrame) -> None: ...

    @abstractmethod
    def finish(self) -> None: ...


def csv_of(frame: pl.DataFrame, header: bool, separator: str = ",") -> str:
    """Some rows as CSV.

    Of a column alone, what is missing is a pair of quotes, for a line of nothing would be none.
    """
    nothing = '""' if frame.width == 1 else None
    return frame.write_csv(include_header=header, null_value=nothing, separator=separator)


class StandardOutput(Sink):
    """CSV on standard output."""

    def __init__(self) -> None:
        self._header = True

    def append(self, frame: pl.DataFrame) -> None:
        with _output() as output:
            for part in frame.iter_slices(PART_ROWS) if frame.height else [frame]:
                output.write(csv_of(part, self._header, self.separator))
                self._header = False

    def finish(self) -> None:
        with _output() as output:
            output.flush()


@contextmanager
def _output() -> Iterator[TextIO]:
    """Standard output, open; what it refuses is said in words."""
    if sys.stdout is None:
        raise _no_output("it is closed")
    try:
        yield sys.stdout
    except BrokenPipeError:
        # whoever reads has enough
        raise
    except OSError as error:
        raise _no_output(error.strerror or str(error)) from error


def _no_output(why: str) -> InputError:
    return InputError(f"standard output cannot be written ({why}); expected it open, or --out")


class FileSink(Sink, AbstractContextManager["FileSink"]):
    """Into a file.

    Parameters
    ----------
    name : str
        What messages call it.
    file : Path
        Where it is written.
    """

    def __init__(self, name: str, file: Path) -> None:
        self.name, self.file = name, file

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except (pl.exceptions.PolarsError, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else None
            raise NotWrittenError(f"{self.name} could not be written ({why or error})") from error


class CsvSink(FileSink):
    """CSV, line by line."""

    def __enter__(self) -> CsvSink:
        self._open = open(self.file, "w", encoding="utf-8", newline="")
        self._header = True
        return self

    def __exit__(self, *error: object) -> None:
        with self._said():
            self._open.close()

    def append(self, frame: pl.DataFrame) -> None:
        with self._said():
            for part in frame.iter_slices(PART_ROWS) if frame.height else [frame]:
                self._open.write(csv_of(part, self._header, self.separator))
                self._header = False

    def finish(self) -> None:
        with self._said():
            self._open.flush()


class PartsSink(FileSink):
    """By way of parts in files beside, which are put together at the end."""

    def __enter__(self) -> PartsSink:
        self._waiting: list[pl.DataFrame] = []
        self._folder: Path | None = None
        self._parts: list[Path] = []
        return self

    def __exit__(self, *error: object) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def append(self, frame: pl.DataFrame) -> None:
        self._waiting.append(frame)
        if sum(each.height for each in self._waiting) >= PART_ROWS:
            self._put_away()

    def finish(self) -> None:
        if self._parts:
            self._put_away()
        whole = pl.concat(self._waiting) if self._waiting else pl.DataFrame()
        with self._said():
            if self._parts:
                self._join(self._parts)
            else:
                self._write(whole, self.file)

    def _put_away(self) -> None:
        if not self._waiting:
            return
        with self._said():
            if self._folder is None:
                # of a name that is cleared away if this process is killed
                self._folder = self.file.with_name(beside_name(self.file))
                self._folder.mkdir(0o700)
            part = self._folder / f"{len(self._parts)}{self.file.suffix}"
            self._write(pl.concat(self._waiting), part)
            self._parts.append(part)
            self._waiting = []

    @abstractmethod
    def _write(self, frame: pl.DataFrame, file: Path) -> None:
        """A frame into a file."""

    @abstractmethod
    def _join(self, parts: list[Path]) -> None:
        """Files into one, in bounded memory."""


class ParquetSink(PartsSink):
    """Parquet."""

    def _write(self, frame: pl.DataFrame, file: Path) -> None:
        frame.write_parquet(file)

    def _join(self, parts: list[Path]) -> None:
        pl.scan_parquet(parts, glob=False).sink_parquet(self.file)


class NpySink(PartsSink):
    """An array of numbers."""

    def append(self, frame: pl.DataFrame) -> None:
        for name, kind in frame.schema.items():
            if not kind.is_numeric() and kind != pl.Boolean:
                raise InputError(
                    f"{self.name}: column {name!r} holds "
                    f"{'words' if kind == pl.String else kind}, and .npy takes numbers alone; "
                    "expected a name that ends in .csv or .parquet"
                )
        super().append(frame)

    def _write(self, frame: pl.DataFrame, file: Path) -> None:
        numbers = frame.with_columns(pl.col(pl.Boolean).cast(pl.Float64)).to_numpy()
        with open(file, "wb") as target:
            np.save(target, numbers[:, 0] if frame.width == 1 else numbers, allow_pickle=False)

    def _join(self, parts: list[Path]) -> None:
        arrays: list[NDArray] = [np.load(part, mmap_mode="r", allow_pickle=False) for part in parts]
        shape = (sum(len(array) for array in arrays), *arrays[0].shape[1:])
        kind = np.result_type(*(array.dtype for array in arrays))
        with open(self.file, "wb") as target:
            header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False}
            np.lib.format.write_array_header_1_0(target, header | {"shape": shape})
            for array in arrays:
                target.write(np.ascontiguousarray(array, kind).tobytes())
