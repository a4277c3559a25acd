"""Dates and times as people write them."""

from __future__ import annotations

import polars as pl

DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y",
    "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d%b%Y", "%Y.%m.%d",
    "%d.%m.%y", "%m/%d/%y", "%d/%m/%y", "%d-%b-%y",
)  # fmt: skip
DAY_FIRST = tuple(sorted(DAYS, key=lambda form: form.startswith("%m")))
"""The same where it is known that days come before months"""
COMPACT = "%Y%m%d"
"""A day as a whole number, which only a whole column of them shows to be one"""
CLOCKS = (
    "%H:%M", "%H:%M:%S", "%H:%M:%S%.f", "%I:%M %p", "%I:%M:%S %p", "%I:%M:%S%.f %p",
    "%H:%M:%S,%3f", "%H:%M:%S,%6f",
)  # fmt: skip
LOOKED_AT = 5000
"""Different texts that a format is chosen by."""

YEARS = (1000, 2999)
"""Others are misread numbers."""


def format_of(text: pl.Series, *, day_first: bool = False, enough: float = 0.9) -> str | None:
    """The format in which enough of the texts are dates or times; None if there is none.

    Where day and month can be told apart by no text, months come first, or days where it is known
    that they do.
    """
    text = text.drop_nulls().unique(maintain_order=True).head(LOOKED_AT)
    likely = text.str.contains(r"^[A-Za-z]{0,9}\.? ?\d.*[-/.:, A-Za-z].*\d").sum()
    if len(text) == 0 or likely < enough * len(text):
        return None
    days = DAY_FIRST if day_first else DAYS
    if not text.str.contains(r"\d [A-Za-z]|[A-Za-z],? \d").any():
        # a blank of a format is read where there is none, but then would be written
        days = tuple(form for form in days if " " not in form)
    clock = _clock_of(text)
    best, most = None, enough * len(text)
    for form in (
        days if clock is None else [clock] if clock in CLOCKS else [d + clock for d in days]
    ):
        found = len(text) - parse(text, form).null_count()
        if found >= most and (best is None or found > most):
            best, most = form, found
    return best


def _clock_of(text: pl.Series) -> str | None:
    """The part of the format that follows the day; None where there is only a day."""

    def some(pattern: str) -> bool:
        return bool(text.str.contains(pattern).any())

    if not some(r"\d:\d\d"):
        return None
    half = some(r"(?i)\d ?[ap]m\b")
    clock = ("%I:%M" if half else "%H:%M") + (":%S" if some(r":\d\d:\d\d") else "")
    clock += "%.f" if some(r":\d\d\.\d") else ""
    clock += ",%3f" if some(r":\d\d,\d{3}\b") else ",%6f" if some(r":\d\d,\d{6}\b") else ""
    clock += " %p" if half else ""
    if some(r"^\d{1,2}:"):
        return clock
    between = "T" if some(r"\dT\d") else ", " if some(r"\d, \d") else " "
    zone = " UTC" if some(r" UTC$") else "%#z" if some(r"(Z|[-+]\d\d:?(\d\d)?)$") else ""
    if zone == "%#z" and some(r" [-+]\d\d:?(\d\d)?$"):
        zone = " %#z"
    return between + clock + zone


def parse(text: pl.Series, form: str) -> pl.Series:
    """Dates, times of day, or both in UTC; null where a text is none of this format."""
    if form in CLOCKS:
        return text.str.strptime(pl.Time, form, strict=False)
    if not any(clock in form for clock in CLOCKS):
        days = text.str.strptime(pl.Date, form, strict=False)
        return _of_our_times(days)
    both = text.str.strptime(pl.Datetime("us"), form, strict=False)
    if isinstance(both.dtype, pl.Datetime) and both.dtype.time_zone is not None:
        both = both.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return _of_our_times(both)


def compact_days(numbers: pl.Series) -> pl.Series:
    """Dates of numbers such as 20210131; null where a number is none."""
    whole = numbers.cast(pl.Int64, strict=False)
    return parse(whole.set(whole != numbers, None).cast(pl.String), COMPACT)


def as_moments(cells: pl.Series) -> pl.Series:
    """Cells of any temporal type as dates, times of day, or both in UTC and microseconds."""
    if not isinstance(cells.dtype, pl.Datetime):
        return cells
    if cells.dtype.time_zone is not None:
        cells = cells.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return cells.cast(pl.Datetime("us"))


def moments_of_texts(text: pl.Series) -> pl.Series:
    """What :func:`as_moments` gave, from texts of it; texts that are none stay."""
    for kind, form in (
        (pl.Date, "%Y-%m-%d"), (pl.Time, "%H:%M:%S%.f"),
        (pl.Datetime("us"), "%Y-%m-%d %H:%M:%S%.f"),
    ):  # fmt: skip
        found = text.str.strptime(kind, form, strict=False)
        if not found.null_count():
            return found
    return text


def write(values: pl.Series, form: str) -> pl.Series:
    """Texts of this format."""
    if "%#z" in form:
        values = values.dt.replace_time_zone("UTC")
        form = form.replace("%#z", "%:z")
    return values.dt.strftime(form)


def _of_our_times(days: pl.Series) -> pl.Series:
    year = days.dt.year()
    return days.set(((year < YEARS[0]) | (year > YEARS[1])).fill_null(False), None)
