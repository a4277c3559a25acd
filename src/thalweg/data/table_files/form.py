"""How a CSV file is written: what stands between cells, around them, and in which encoding."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from thalweg.data.table_files.dialects import dialect
from thalweg.data.table_files.encodings import zero_byte
from thalweg.data.table_files.said import FormSaid
from thalweg.data.table_files.sniffing import (
    SAID_BY_EXCEL,
    decimal_of,
    decoded,
    escape_of,
    is_spaced,
    rows_of,
    separator_of,
    whole_lines,
)
from thalweg.data.table_files.streams import opened

SAMPLE_BYTES = 262_144
"""Of a file's beginning, looked at for its form"""


@dataclass(frozen=True)
class CsvForm:
    """How a CSV file is written.

    Examples
    --------
    >>> found = CsvForm.found(b"sep=;\\r\\nprice;colour\\r\\n1,50;red\\r\\n20,25;blue\\r\\n")
    >>> found.separator, found.decimal, found.skip_lines
    (';', ',', 1)
    """

    separator: str | None
    """between cells; None where a line is one cell"""
    quote: str | None = '"'
    """around cells, doubled inside; None where it is a character like all others"""
    encoding: str = "utf-8"
    """``"ascii"`` where the beginning has nothing that would tell; what tells may come later"""
    decimal: str | None = None
    """``"."`` or ``","``; None where nothing tells"""
    header: bool = True
    skip_lines: int = 0
    """before the header"""
    escape: str | None = None
    """a backslash where quotes inside of cells have one before them instead of being doubled"""
    spaced: bool = False
    """whether quoted cells stand after a separator and a space"""
    line_end: str = "\n"
    """``"\\\\r"`` where that alone ends a line; "\\\\r\\\\n" needs no telling"""

    @classmethod
    def found(cls, given: str | os.PathLike[str] | bytes, said: FormSaid | None = None) -> CsvForm:
        """The form of a file (compressed or not) or of the bytes at its beginning.

        Raises
        ------
        InputError
            If the file is not there or cannot be read, or several separators are as likely.
        """
        if isinstance(given, bytes):
            return cls.of_sample(given[:SAMPLE_BYTES], len(given) > SAMPLE_BYTES, said, "the text")
        with opened(Path(given), str(given)) as file:
            sample = file.read(SAMPLE_BYTES + 1)
        return cls.of_sample(sample[:SAMPLE_BYTES], len(sample) > SAMPLE_BYTES, said, str(given))

    @classmethod
    def of_sample(cls, sample: bytes, cut: bool, said: FormSaid | None, name: str) -> CsvForm:
        """The form that the beginning of a file has, where it is not said.

        Parameters
        ----------
        sample : bytes
        cut : bool
            Whether the file goes on.
        said : FormSaid, optional
        name : str
            For messages.

        Raises
        ------
        InputError
            If several separators are as likely.
        """
        said = (said or FormSaid()).checked()
        encoding, text = decoded(sample, cut, said.encoding)
        if "\0" in text:
            raise zero_byte(name, text.count("\n", 0, text.index("\0")) + 1)
        line_end = "\n" if "\n" in text or "\r" not in text else "\r"
        text = text.replace("\r", "\n") if line_end == "\r" else text
        skip = said.skip_lines
        separator = said.separator
        excel = SAID_BY_EXCEL.match(text)
        if skip is None:
            skip = 1 if excel else 0
            separator = separator or (excel[1] if excel else None)
        text = text.split("\n", skip)[-1] if text.count("\n") >= skip else ""
        text, cut = whole_lines(text, cut)
        quote = '"' if said.quote is None else said.quote or None
        if separator is None:
            separator, quote = separator_of(text, quote, said.quote is not None, cut, name)
        escape, spaced = escape_of(text, separator, quote), is_spaced(text, separator, quote)
        rows = rows_of(text, dialect(separator, quote, escape, spaced))
        return cls(
            separator=separator,
            quote=quote,
            encoding=encoding,
            decimal=said.decimal or decimal_of(rows[1:]),
            header=said.header is not False,
            skip_lines=skip,
            escape=escape,
            spaced=spaced,
            line_end=line_end,
        )

    @property
    def dialect(self) -> csv.Dialect:
        """The form as Python's ``csv`` takes it."""
        return dialect(self.separator, self.quote, self.escape, self.spaced)
