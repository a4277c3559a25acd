"""Tables written batch by batch."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import polars as pl

from thalweg.core import InputError, write_beside
from thalweg.data.table_files.sinks import (
    CsvSink,
    FileSink,
    NpySink,
    ParquetSink,
    Sink,
    StandardOutput,
)

SINKS: dict[str, type[FileSink]] = {".csv": CsvSink, ".parquet": ParquetSink, ".npy": NpySink}


class TableWriter:
    """Frames of the same columns, one after the other into one file, whole or not at all.

    Parameters
    ----------
    path : path or None
        Of a file that ends in .csv, .parquet or .npy (which takes numbers alone); devices, pipes
        and sockets get CSV where their name has none of these endings, and None is standard output,
        as CSV.
    separator : str, default ","
        Between the cells of CSV.

    Raises
    ------
    InputError
        If the name has another ending, the file must not be written, or a frame has other columns
        than the first.
    NotWrittenError
        If the system refuses.

    Examples
    --------
    >>> with TableWriter(None) as writer:
    ...     writer.append(pl.DataFrame({"x": ["1", None], "y": ["a", "b"]}))
    ...     writer.append(pl.DataFrame({"x": ["2"], "y": ["c"]}))
    x,y
    1,a
    ,b
    2,c
    """

    def __init__(self, path: str | os.PathLike[str] | None, separator: str = ",") -> None:
        self.path, self.separator = path, separator
        self._kind = None if path is None else _sink_of(path)
        self._schema: pl.Schema | None = None
        self._sink: Sink | None = None
        self._within = ExitStack()

    def __enter__(self) -> TableWriter:
        with ExitStack() as within:
            if self.path is None or self._kind is None:
                self._sink = StandardOutput()
            else:
                beside = within.enter_context(write_beside(self.path))
                self._sink = within.enter_context(self._kind(str(self.path), beside))
            self._sink.separator = self.separator
            self._within = within.pop_all()
        return self

    def append(self, frame: pl.DataFrame) -> None:
        """Write some rows after those before.

        Raises
        ------
        InputError
            If the columns are not those of the first frame, or cannot be in such a file.
        NotWrittenError
            If the system refuses.
        """
        if self._sink is None:
            raise RuntimeError("a TableWriter is to be used in a with statement")
        if self._schema is None:
            self._schema = frame.schema
        if frame.schema != self._schema:
            raise InputError(
                f"{self.path or 'standard output'}: a batch has the columns {_said(frame.schema)}; "
                f"expected those of the first, {_said(self._schema)}"
            )
        self._sink.append(frame)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        sink, self._sink = self._sink, None
        if error is not None or sink is None:
            self._within.__exit__(kind, error, trace)
            return
        with self._within:
            sink.finish()


def _sink_of(path: str | os.PathLike[str]) -> type[FileSink]:
    target = Path(path)
    known = SINKS.get(target.suffix.lower())
    if known is not None:
        return known
    if not target.exists() or target.is_file() or target.is_dir():
        raise InputError(
            f"{path} ends in {target.suffix.lower()!r}; expected .csv, .parquet or .npy"
        )
    return CsvSink


def _said(schema: pl.Schema) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in schema.items())
