"""Cells without a value: what programs write where there is none."""

from __future__ import annotations

import polars as pl

MISSING = (
    "", "NA", "N/A", "n/a", "na", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "Null", "(null)",
    "None", "<NA>", "#N/A", "#N/A N/A", "#NA", "NaT", "nil", "\\N", "?", "-", "--", ".",
    "..", "...", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN", "1.#INF", "#DIV/0!", "#VALUE!",
    "#REF!", "#NAME?", "#NUM!", "#NULL!", "#NV", "#WERT!", "#BEZUG!",
)  # fmt: skip
"""Of R, pandas, databases, spreadsheets, statistics programs"""

AMONG_NUMBERS = ("none",)
"""What is a word in a column of words"""

SIGNS = ("+", "++")
"""Words beside which a "-" is a word too, as in the result of a test"""


def cells_of(column: pl.Series, none: bool | None = None) -> pl.Series:
    """A raw column with null where there is no value; texts without the spaces around them.

    ``none`` says whether "none" is missing, which the kind of a column tells; where that is not
    known yet it is if most of the others begin as numbers and dates do.
    """
    if column.dtype == pl.String:
        if not _may_be_missing_or_spaced(column):
            return column
        text = column.str.strip_chars()
        missing = text.is_in(MISSING)
        among = text.is_in(AMONG_NUMBERS)
        if none is not False and among.any() and (none or _like_numbers(text, missing | among)):
            missing = missing | among
        if missing.any() and text.is_in(SIGNS).any():
            missing = missing & (text != "-") & (text != "--")
        return text.set(missing.fill_null(False), None) if missing.any() else text
    if column.dtype.is_float():
        return column.fill_nan(None)
    return column


def _like_numbers(text: pl.Series, aside: pl.Series) -> bool:
    """Whether most texts, but for those set aside, have a digit before any letter."""
    rest = text.filter(~aside).drop_nulls()
    return 2 * int(rest.str.contains(r"^[^\p{L}]*\d").sum()) > len(rest)


def _may_be_missing_or_spaced(column: pl.Series) -> bool:
    """Whether a cheap look finds a cell that is no plain number, which most columns are of."""
    plain = column.cast(pl.Float64, strict=False)
    return bool(plain.null_count() > column.null_count() or plain.is_nan().any())
