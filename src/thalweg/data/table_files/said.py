"""What a person says of the form of a CSV file."""

from __future__ import annotations

import codecs
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
