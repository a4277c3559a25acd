"""Tables in CSV files, as spreadsheets, databases and programs export them."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import polars as pl

from thalweg.core import InputError
from thalweg.data.table_files.base import TableFile
from thalweg.data.table_files.encodings import count_lines
from thalweg.data.table_files.form import SAMPLE_BYTES, CsvForm
from thalweg.data.table_files.names import clear_names
from thalweg.data.table_files.records import Records, lines_of, numbered_rows
from thalweg.data.table_files.said import FormSaid
from thalweg.data.table_files.streams import STANDARD_INPUT, kept, opened, utf8_chunks

LOOKED_AT = 100
"""Rows that tell whether they have a name of their own"""

ROW_NAME = "row name"


class CsvFile(TableFile):
    """A CSV file: cells of text, exactly as they were written, None where there is nothing.

    Its separator, quotes and encoding are found. It may be compressed (gzip, bzip2, xz, zstd, a
    zip file of one), a pipe, or standard input (``"-"``), which are kept in a temporary file.

    Parameters
    ----------
    path : path
    said : FormSaid, optional
        What a person says of its form.

    Raises
    ------
    InputError
        If it is not there, empty, without rows, no text, or its separator cannot be told.
    """

    def __init__(self, path: str | os.PathLike[str], said: FormSaid | None = None) -> None:
        self.path = Path(path)
        self._file = self.path
        copy = kept(self.path)
        if copy is not None:
            self._file = copy
            weakref.finalize(self, copy.unlink, missing_ok=True)
        with opened(self._file, self.source) as file:
            sample = file.read(SAMPLE_BYTES + 1)
        if not sample.strip():
            raise InputError(f"{self.source} is empty; expected a table with at least one row")
        cut = len(sample) > SAMPLE_BYTES
        self.form = CsvForm.of_sample(sample[:SAMPLE_BYTES], cut, said, self.source)
        self._begin(said)

    def _begin(self, said: FormSaid | None) -> None:
        """Find the names of the columns."""
        form = self.form
        first = form.skip_lines + 1
        lines = lines_of(after_lines(self._chunks(), form.skip_lines))
        rows = list(islice(numbered_rows(lines, form, self.source, first), LOOKED_AT))
        if not rows:
            raise InputError(f"{self.source} is empty; expected a table with at least one row")
        if len(rows) == 1 and form.header:
            raise InputError(f"{self.source} has no rows; expected at least one")
        self._before = (rows[1][0] if form.header else rows[0][0]) - 1
        header = rows[0][1] if form.header else [""] * len(rows[0][1])
        if said is not None and said.separator is not None and len(header) == 1:
            found = [mark for mark in ",;\t|" if mark != said.separator and mark in header[0]]
            if found and form.header:
                raise InputError(
                    f"{self.source}: the header has no separator {said.separator!r}, but "
                    f"{found[0]!r}; expected the one between cells"
                )
        beside = _beside_header(header, [row for _, row in rows[1:]]) if form.header else None
        if beside == ROW_NAME:
            header = [ROW_NAME, *header]
        elif beside is not None:
            header = [*header, beside]
        self.names, self.notes = clear_names(header)
        if beside == ROW_NAME:
            self.notes.append(
                f"rows have one field more than the header has names: the first is {ROW_NAME!r}"
            )
        expected = "as in the header" if form.header else "as in the first row"
        if beside is not None:
            expected = "as in the rows before"
        self._records = Records(self.names, form, self.source, expected)

    @property
    def source(self) -> str:
        return "standard input" if str(self.path) == STANDARD_INPUT else str(self.path)

    @property
    def n_rows(self) -> None:
        return None

    @property
    def size_bytes(self) -> int:
        return self._file.stat().st_size

    def _chunks(self) -> Iterator[bytes]:
        with opened(self._file, self.source) as file:
            yield from utf8_chunks(file, self.form.encoding, self.form.line_end, self.source)

    def _empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=dict.fromkeys(self.names, pl.String()))

    def _frames(self, rows: int) -> Iterator[pl.DataFrame]:
        chunks = after_lines(self._chunks(), self._before)
        yield from self._records.frames(chunks, self._before + 1)


def after_lines(chunks: Iterable[bytes], count: int) -> Iterator[bytes]:
    """What comes after some lines."""
    for chunk in chunks:
        if not count:
            yield chunk
            continue
        here = count_lines(chunk)
        if here < count:
            count -= here
            continue
        at = -1
        for _ in range(count):
            at = chunk.find(b"\n", at + 1)
        count = 0
        yield chunk[at + 1 :]


def _beside_header(header: list[str], rows: list[list[str]]) -> str | None:
    """The name of a column that the header does not have; None if all is there.

    R leaves out that of the names of rows, which stand first; others write a separator after the
    last cell of each row, and none after the last name.
    """
    if {len(row) for row in rows if len(row) > 1} != {len(header) + 1}:
        return None
    return "" if not any(row[-1] for row in rows) else ROW_NAME
