"""Numbers as people write them: decimal commas, thousands, currencies, per cent."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import polars as pl

from thalweg.core import InputError

CURRENCIES = ("$", "€", "£", "¥", "₹", "US$", "USD", "EUR", "GBP", "CHF", "kr", "zł", "R$")
SUFFIXES = ("%", *CURRENCIES)
SPACES = " \u00a0\u202f\u2009"
"""The plain one, and those that do not break a line, which spreadsheets put between thousands"""

MOST_DIGITS = 20
"""Behind the decimal mark"""

LOOKED_AT = 2000
"""Different texts that the style of a column is chosen by."""


class NumberStyle(NamedTuple):
    """How the numbers of a column are written."""

    decimal: str = "."
    thousands: str = ""
    prefix: str = ""
    suffix: str = ""
    """with the space that is between it and the number, if there is one"""
    digits: int | None = None
    """behind the decimal mark, where numbers are written as amounts: with a currency, per cent, or
    marks between thousands"""

    @classmethod
    def from_json(cls, parts: list[Any]) -> NumberStyle:
        """From the list of its texts, the digits last and not in the oldest files."""
        texts, digits = parts[:4], parts[4] if len(parts) == 5 else None
        right = len(texts) == 4 and all(isinstance(each, str) and len(each) <= 8 for each in texts)
        whole = type(digits) is int and 0 <= digits <= MOST_DIGITS
        if not right or len(parts) > 5 or not (digits is None or whole):
            raise InputError(f"a column's style is {parts!r:.60}")
        return cls(texts[0], texts[1], texts[2], texts[3], digits)

    def parse(self, text: pl.Series) -> pl.Series:
        """Double precision, null where the text is no finite number."""
        if self[:4] == PLAIN[:4]:
            return _finite(text.cast(pl.Float64, strict=False))
        bare = text.str.replace(r"^\((.+)\)$", "-${1}")  # an accountant's minus
        bare = bare.str.replace_all("\u2212", "-", literal=True)
        for affix, pattern in ((self.prefix, r"^([-+]?)\s*{}\s*"), (self.suffix, r"()\s*{}$")):
            if affix:
                bare = bare.str.replace(pattern.format(re.escape(affix.strip())), "${1}")
        bare = bare.set((~bare.str.contains(self._pattern)).fill_null(True), None)
        if self.thousands:
            marks = SPACES if self.thousands == " " else self.thousands
            bare = bare.str.replace_all(f"[{re.escape(marks)}]", "")
        if self.decimal != ".":
            bare = bare.str.replace(self.decimal, ".", literal=True)
        return _finite(bare.cast(pl.Float64, strict=False))

    @property
    def _pattern(self) -> str:
        whole = r"\d+"
        if self.thousands:
            mark = f"[{SPACES}]" if self.thousands == " " else re.escape(self.thousands)
            whole = rf"(?:[1-9]\d{{0,2}}(?:{mark}\d{{3}})+|\d+)"
        point = re.escape(self.decimal)
        return rf"^[-+]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][-+]?\d+)?$"

    def write(self, numbers: pl.Series) -> pl.Series:
        """Texts as the column has them."""
        if self.digits is None:
            text = numbers.cast(pl.String).str.replace(".", self.decimal, literal=True)
            return self.prefix + text + self.suffix if self.prefix or self.suffix else text
        amounts = [None if each is None else self._amount(each) for each in numbers]
        return pl.Series(numbers.name, amounts, dtype=pl.String)

    def _amount(self, number: float) -> str:
        text = f"{abs(number):,.{self.digits}f}".replace(".", "\0")
        text = text.replace(",", self.thousands).replace("\0", self.decimal)
        minus = "-" if number < 0 and text.strip(f"0{self.decimal}") else ""
        return f"{minus}{self.prefix}{text}{self.suffix}"


PLAIN = NumberStyle()


def style_of(text: pl.Series, decimal: str | None = None) -> NumberStyle:
    """The style in which most of the texts are numbers; the plain one where none is better.

    Parameters
    ----------
    text : Series
        Different texts, some of which are numbers.
    decimal : str, optional
        The decimal mark of the file, where it is known: "," makes a column of "1,234" fractions.
    """
    text = text.drop_nulls().unique(maintain_order=True).head(LOOKED_AT)
    best, most = PLAIN, _count(PLAIN, text)
    if decimal == ",":
        # in such a file a dot can only stand between thousands
        pairs = [(",", "."), (",", ""), (",", " "), (".", "")]
        dots = text.str.contains(".", literal=True).any()
        most = 0 if dots and _count(NumberStyle(*pairs[0]), text) == len(text) else most
    else:
        pairs = [(".", ""), (".", ","), (",", ""), (",", "."), (".", " "), (",", " "), (".", "'"),
                 (".", "’")]  # fmt: skip
    if most == len(text):
        return best
    for prefix, suffix in _affixes(text):
        for mark, thousands in pairs:
            style = NumberStyle(mark, thousands, prefix, suffix)
            found = _count(style, text)
            if found > most:
                best, most = style, found
    return _as_amounts(best, text) if any(best[1:4]) else best


def _as_amounts(style: NumberStyle, text: pl.Series) -> NumberStyle:
    """The style with the digits and the spaces that most of its texts have."""
    text = text.filter(style.parse(text).is_not_null())
    behind = text.str.extract(rf"{re.escape(style.decimal)}(\d+)\D*$").str.len_chars().fill_null(0)
    digits = min(MOST_DIGITS, int(behind.mode().max()))  # type: ignore[arg-type]
    prefix, suffix = style.prefix, style.suffix
    spaced = (rf"{re.escape(prefix)}[{SPACES}]", rf"[{SPACES}]{re.escape(suffix)}$")
    if prefix and _share(text.str.contains(spaced[0])) > 0.5:
        prefix += " "
    if suffix and _share(text.str.contains(spaced[1])) > 0.5:
        suffix = f" {suffix}"
    return style._replace(prefix=prefix, suffix=suffix, digits=digits)


def _affixes(text: pl.Series) -> list[tuple[str, str]]:
    """Currencies before and after, or none, that at least half of the texts have."""
    found = [("", "")]
    found += [(each, "") for each in CURRENCIES if _share(text.str.contains(_before(each))) >= 0.5]
    found += [("", each) for each in SUFFIXES if _share(text.str.ends_with(each)) >= 0.5]
    return found


def _before(affix: str) -> str:
    return rf"^\(?[-+]?\s*{re.escape(affix)}\s*[-+]?\d"


def _share(mask: pl.Series) -> float:
    return float(mask.sum()) / max(1, len(mask))


def _count(style: NumberStyle, text: pl.Series) -> int:
    return len(text) - style.parse(text).null_count()


def _finite(numbers: pl.Series) -> pl.Series:
    return numbers.set((~numbers.is_finite()).fill_null(False), None)
