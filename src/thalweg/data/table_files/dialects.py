"""The form of a CSV file as Python's ``csv`` takes it."""

from __future__ import annotations

import csv

ONE_CELL = "\x1f"
"""Stands for the separator where there is none: no text has it"""


def dialect(
    separator: str | None, quote: str | None, escape: str | None = None, spaced: bool = False
) -> csv.Dialect:
    """What ``csv.reader`` takes, of the fields of a ``CsvForm``."""

    class Written(csv.Dialect):
        delimiter = separator or ONE_CELL
        quotechar = quote
        quoting = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
        escapechar = escape
        doublequote = True
        skipinitialspace = spaced
        lineterminator = "\n"

    return Written()
