"""From the text of a CSV file to frames of cells: fast where it is regular, exact where not."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

import polars as pl

from thalweg.core import InputError
from thalweg.data.table_files.block import Block
from thalweg.data.table_files.dialects import ONE_CELL
from thalweg.data.table_files.encodings import count_lines
from thalweg.data.table_files.form import CsvForm

LONGEST_RECORD = 64 * 2**20
"""Bytes of a row, which is held in memory whole"""

EXACT_ROWS = 16_384
"""Put into a frame at a time where rows are read one by one"""


class Records:
    """What turns text into cells, exactly as they were written; None where there is nothing.

    Parameters
    ----------
    names : list of str
        Of the columns.
    form : CsvForm
    source : str
        What the file is called in messages.
    expected : str
        What says how many fields a line should have.
    """

    def __init__(self, names: list[str], form: CsvForm, source: str, expected: str) -> None:
        self.names, self.form, self.source, self.expected = names, form, source, expected
        self._schema = dict.fromkeys(names, pl.String())
        separator, quote = (form.separator or ONE_CELL).encode(), (form.quote or "").encode()
        # of what polars has no notion
        self._is_simple = not (form.escape or form.spaced or len(separator) > 1 or len(quote) > 1)
        self._separator, self._quote = separator[0], quote[0] if quote else None

    def frames(self, chunks: Iterable[bytes], line: int) -> Iterator[pl.DataFrame]:
        """Frames of cells, in order.

        Parameters
        ----------
        chunks : iterable of bytes
            UTF-8 from the beginning of a record on.
        line : int
            The number of the first line.

        Raises
        ------
        InputError
            If a line has too few or too many fields, or a cell no end; with the line.
        """
        left, rest = b"", iter(chunks)
        if not self._is_simple:
            yield from self._exactly(lines_of(rest), line)
            return
        for chunk in _with_end(rest):
            block = Block(left + chunk, self._separator, self._quote)
            if not block.is_regular:
                yield from self._exactly(lines_of([block.data], rest), line)
                return
            end = block.end
            left = block.data[end:]
            if end:
                whole = block if not left else Block(block.data[:end], self._separator, self._quote)
                yield from self._of(whole, line)
                line += count_lines(whole.data)
            if len(left) > LONGEST_RECORD:
                raise InputError(
                    f"{self.source}: line {line} begins a row of more than "
                    f"{LONGEST_RECORD // 2**20} MiB; expected shorter ones, and an end of each "
                    "quoted cell"
                )
        if left:
            yield from self._exactly(lines_of([left]), line)

    def _of(self, block: Block, line: int) -> Iterator[pl.DataFrame]:
        frame = self._at_once(block)
        if frame is None:
            yield from self._exactly(lines_of([block.data]), line)
        else:
            yield frame

    def _at_once(self, block: Block) -> pl.DataFrame | None:
        """The frame that polars reads; None where it might have read something else."""
        try:
            frame = pl.read_csv(
                io.BytesIO(block.data), has_header=False, schema=self._schema,
                separator=chr(block.separator), infer_schema=False,
                quote_char=None if block.quote is None else chr(block.quote),
            )  # fmt: skip
        except pl.exceptions.PolarsError:
            # what is wrong, and in which line, is found by going through them
            return None
        # it fills up lines that are too short, and blank ones
        if frame[:, -1].null_count() and not block.is_even(len(self.names)):
            return None
        if block.quotes.size:
            # a quoted nothing is a nothing
            frame = frame.with_columns(pl.when(pl.all() != "").then(pl.all()))
        return frame

    def _exactly(self, lines: Iterable[str], line: int) -> Iterator[pl.DataFrame]:
        rows: list[list[str]] = []
        for row in self.rows(lines, line):
            rows.append(row)
            if len(rows) == EXACT_ROWS:
                yield self._frame(rows)
                rows = []
        if rows:
            yield self._frame(rows)

    def rows(self, lines: Iterable[str], line: int) -> Iterator[list[str]]:
        """The cells of each row, one after the other; blank lines are passed over."""
        for number, row in numbered_rows(lines, self.form, self.source, line):
            if len(row) == len(self.names):
                yield row
            elif len(row) != 1 or row[0].strip():
                raise InputError(
                    f"{self.source}: line {number} has {len(row)} fields; "
                    f"expected {len(self.names)}, {self.expected}"
                )

    def _frame(self, rows: list[list[str]]) -> pl.DataFrame:
        columns = zip(*rows, strict=True)
        return pl.DataFrame(
            {
                name: [cell or None for cell in cells]
                for name, cells in zip(self.names, columns, strict=True)
            },
            self._schema,
        )


def numbered_rows(
    lines: Iterable[str], form: CsvForm, source: str, line: int = 1
) -> Iterator[tuple[int, list[str]]]:
    """The rows of some lines, each with the number of its first one; lines of nothing have none.

    Raises
    ------
    InputError
        If a cell has no end or is longer than Python's ``csv`` takes; with the line.
    """
    ended = False

    def until_end() -> Iterator[str]:
        nonlocal ended
        yield from lines
        ended = True

    reader = csv.reader(until_end(), form.dialect)
    start = line
    try:
        for row in reader:
            if ended:
                raise InputError(
                    f"{source}: line {start} has a quoted cell without an end; expected "
                    f"{form.quote} after it"
                )
            if row:
                yield start, row
            start = line + reader.line_num
    except csv.Error as error:
        raise InputError(f"{source}: line {start} cannot be read ({error})") from error


def _with_end(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same with a newline after the last line."""
    last = b"\n"
    for chunk in chunks:
        if chunk:
            last = chunk[-1:]
            yield chunk
    if last != b"\n":
        yield b"\n"


def lines_of(*parts: Iterable[bytes]) -> Iterator[str]:
    """The lines of some chunks, with their ends."""
    left = b""
    for chunks in parts:
        for chunk in chunks:
            *whole, left = (left + chunk).split(b"\n")
            for each in whole:
                yield each.decode() + "\n"
    if left:
        yield left.decode()
