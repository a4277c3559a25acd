"""The form of a CSV file, found from its beginning."""

from __future__ import annotations

import codecs
import csv
import io
import re
from typing import Any

from thalweg.core import InputError
from thalweg.data.table_files.dialects import dialect
from thalweg.data.table_files.encodings import around, guessed, marked

SNIFFED = 32_768
"""Characters that the separator is found from; what finds it takes its time"""

SEPARATORS = ",;\t|"

NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

SAID_BY_EXCEL = re.compile(r'"?sep=(.)"?[ \t]*\r?(?:\n|$)', re.IGNORECASE)


def decoded(sample: bytes, cut: bool, said: str | None) -> tuple[str, str]:
    encoding = said or marked(sample)
    if encoding is None:
        try:
            text = codecs.getincrementaldecoder("utf-8")().decode(sample, final=not cut)
            return ("ascii" if sample.isascii() else "utf-8"), text
        except UnicodeDecodeError as error:
            encoding = guessed(around(sample, error.start))
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    return encoding, decoder.decode(sample, final=not cut).removeprefix("\ufeff")


def whole_lines(text: str, cut: bool) -> tuple[str, bool]:
    """What is looked at, and whether there is more."""
    if len(text) > SNIFFED:
        cut, text = True, text[:SNIFFED]
    # of a line that is longer than all that is looked at, its beginning
    return (text[: text.rfind("\n") + 1] or text if cut else text), cut


def rows_of(text: str, how: csv.Dialect) -> list[list[str]]:
    """The rows of a piece of text that are not blank, as far as it can be read."""
    rows: list[list[str]] = []
    try:
        rows.extend(row for row in csv.reader(io.StringIO(text, newline=""), how) if row)
    except csv.Error:
        # whoever reads the whole file says what is wrong and where
        return rows
    return rows


def separator_of(
    text: str, quote: str | None, quote_said: bool, cut: bool, name: str
) -> tuple[str | None, str | None]:
    """What stands between cells (None if a line is one) and around them."""
    widths = {}
    for each in (*SEPARATORS, " "):
        rows = rows_of(text, dialect(each, quote))
        # the last may have its end elsewhere
        widths[each] = [len(row) for row in (rows[:-1] if cut and len(rows) > 1 else rows)]
    there = [each for each in SEPARATORS if widths[each] and widths[each][0] > 1]
    if not there:
        return _beside_one_name(text, widths), quote
    fitting = [each for each in there if _fit(widths[each])]
    # tabs are not typed into cells, and a mark with a space after it is one of a sentence
    bare = [each for each in fitting if f"{each} " not in text]
    fitting = ["\t"] if "\t" in fitting else bare or fitting
    if there == fitting and len(there) == 1 and "'" not in text:
        # most files: nothing is left to find out
        return there[0], quote
    import clevercsv  # slow to import

    # it knows best what cells look like, but not that every row has as many
    try:
        sniffed = clevercsv.Detector().detect(text, delimiters=there)
    except clevercsv.Error:
        # of cells that are too long for it
        sniffed = None
    if sniffed is not None and not quote_said and _in_apostrophes(text, sniffed):
        return sniffed.delimiter, "'"
    if sniffed is not None and sniffed.delimiter in (fitting or there):
        return sniffed.delimiter, quote
    if len(fitting or there) == 1:
        return (fitting or there)[0], quote
    raise InputError(
        f"{name}: cells may be parted by {' or '.join(NAMES[each] for each in fitting or there)}; "
        "expected a separator that can be told, or that is said"
    )


def _fit(widths: list[int]) -> bool:
    """Whether all rows have as many cells as the header, or all one more."""
    return len(set(widths[1:])) <= 1 and all(width - widths[0] in (0, 1) for width in widths[1:])


def _beside_one_name(text: str, widths: dict[str, list[int]]) -> str | None:
    """The separator where the header has none of the usual ones: R's, or none."""
    if len(text.splitlines()) < 2:
        return None
    names_of_rows = [
        each for each, found in widths.items() if found[0] == 1 and set(found[1:]) == {2}
    ]
    if "\t" in names_of_rows:
        return "\t"
    if re.match(r'"[^"\n]*"\r?\n"', text):
        return next(iter(names_of_rows), None)
    # R's write.table parts by spaces and has names in quotes
    return " " if re.match(r'"[^"\n]*"( "[^"\n]*")+\r?\n', text) and _fit(widths[" "]) else None


def _in_apostrophes(text: str, sniffed: Any) -> bool:
    """Whether cells stand in apostrophes: all that begin with one end with one, and no others."""
    if sniffed.quotechar != "'" or not sniffed.delimiter or '"' in text:
        return False
    between = re.escape(sniffed.delimiter)
    left = re.sub(rf"(^|{between})'(?:[^'\n]|'')*'(?={between}|\r?$)", r"\1", text, flags=re.M)
    return "'" not in left


def escape_of(text: str, separator: str | None, quote: str | None) -> str | None:
    """A backslash where it stands before quotes that do not end a cell."""
    if quote is None:
        return None
    after = f"[{re.escape(separator or quote)}{re.escape(quote)}\r\n]|$"
    return "\\" if re.search(rf"\\{re.escape(quote)}(?!{after})", text) else None


def is_spaced(text: str, separator: str | None, quote: str | None) -> bool:
    """Whether there are quoted cells after a separator and spaces."""
    if separator is None or quote is None or separator == " ":
        return False
    between, mark = re.escape(separator), re.escape(quote)
    cell = f"{mark}(?:[^{mark}]|{mark}{mark})*{mark}"
    others = re.sub(rf"(^|{between}){cell}(?={between}|\r?$)", r"\1", text, flags=re.M)
    return re.search(rf"{between} +{cell} *(?:{between}|\r?$)", others, flags=re.M) is not None


GROUPED = re.compile(r"[-+]?\d{1,3}([.,])\d{3}(?:\1\d{3})*")
BOTH = re.compile(r"[-+]?\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+([.,])\d+")
ONE = re.compile(r"[-+]?\d*([.,])\d+(?:[eE][-+]?\d+)?")


def decimal_of(rows: list[list[str]]) -> str | None:
    """The mark before decimals, if all cells that tell say the same."""
    marks = set()
    for row in rows:
        for cell in row:
            text = cell.strip().rstrip("%€$ \u00a0").lstrip("€$ ")
            if not GROUPED.fullmatch(text):
                found = ONE.fullmatch(text) or BOTH.fullmatch(text)
                marks |= {found[1]} if found else set()
    return marks.pop() if len(marks) == 1 else None
