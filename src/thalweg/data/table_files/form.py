"""How a CSV file is written: what stands between cells, around them, and in which encoding."""

from __future__ import annotations

import codecs
import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from thalweg.core import InputError


class FormSaid(NamedTuple):
    """What a person says of the form of a CSV file; None is to be found."""

    separator: str | None = None
    """one character between cells; ``"\\\\t"`` spelled out is a tab"""
    quote: str | None = None
    """one character around cells; an empty text where there is none"""
    encoding: str | None = None
    """by any name that Python knows"""
    decimal: str | None = None
    """``"."`` or ``","``"""
    header: bool | None = None
    """whether the first line has the names of the columns"""
    skip_lines: int | None = None
    """before the header"""

    def checked(self) -> FormSaid:
        """The same, with names as they are used; refused where something cannot be.

        Raises
        ------
        InputError
            If the separator or the quote is no single character, the encoding is not known, the
            decimal mark is none, or the lines to skip are fewer than none.

        Examples
        --------
        >>> FormSaid(separator="\\\\t", encoding="Latin1").checked()[:3]
        ('\\t', None, 'iso8859-1')
        """
        separator = "\t" if self.separator == "\\t" else self.separator
        if separator is not None and (len(separator) != 1 or separator in "\r\n\0"):
            raise InputError(f"separator is {separator!r}; expected one character, such as ';'")
        if self.quote is not None and (len(self.quote) > 1 or self.quote in ("\r", "\n", "\0")):
            raise InputError(f"quote is {self.quote!r}; expected one character, or '' for none")
        if separator is not None and separator == self.quote:
            raise InputError(f"separator and quote are both {separator!r}; expected two characters")
        if self.decimal not in (None, ".", ","):
            raise InputError(f"decimal is {self.decimal!r}; expected '.' or ','")
        if self.skip_lines is not None and self.skip_lines < 0:
            raise InputError(f"skip_lines is {self.skip_lines}; expected 0 or more")
        encoding = self.encoding
        if encoding is not None:
            try:
                # not all that Python calls a codec has to do with text
                encoding = codecs.lookup(encoding).name
                "a".encode(encoding)
            except (LookupError, UnicodeError) as error:
                raise InputError(
                    f"encoding is {self.encoding!r}, which is not known; expected one such as "
                    "'utf-8', 'utf-16' or 'windows-1252'"
                ) from error
        return self._replace(separator=separator, encoding=encoding)


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
        # what sniffs makes forms
        from thalweg.data.table_files.sniffing import SAMPLE_BYTES, sniff
        from thalweg.data.table_files.streams import opened

        if isinstance(given, bytes):
            return sniff(given[:SAMPLE_BYTES], len(given) > SAMPLE_BYTES, said, "these bytes")
        with opened(Path(given), str(given)) as file:
            sample = file.read(SAMPLE_BYTES + 1)
        return sniff(sample[:SAMPLE_BYTES], len(sample) > SAMPLE_BYTES, said, str(given))


ONE_CELL = "\x1f"
"""Stands for the separator where there is none: no text has it"""


def dialect(form: CsvForm) -> csv.Dialect:
    """The form as Python's ``csv`` takes it."""

    class Written(csv.Dialect):
        delimiter = form.separator or ONE_CELL
        quotechar = form.quote
        quoting = csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE
        escapechar = form.escape
        doublequote = True
        skipinitialspace = form.spaced
        lineterminator = "\n"

    return Written()
