"""Constraints on numbers and sequences of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from thalweg.core.constraints import Constraint, alternatives
from thalweg.core.counts import as_real, as_whole


@dataclass(frozen=True)
class Integer(Constraint):
    """A whole number of at least ``low``; also ``None`` or the words in ``words``."""

    low: int
    words: tuple[str, ...] = ()
    none: bool = False

    def allows(self, value: Any) -> bool:
        if value is None:
            return self.none
        if isinstance(value, str):
            return value in self.words
        whole = as_whole(value)
        return whole is not None and whole >= self.low

    def plain(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else as_whole(value)

    def describe(self) -> str:
        return alternatives(f"a whole number of at least {self.low}", self.words, self.none)

    def kind(self) -> str:
        return alternatives("int", self.words, self.none)

    def violations(self) -> list[Any]:
        return [self.low - 1, self.low + 0.5, "a word", [self.low], *([] if self.none else [None])]

    def parse(self, text: str) -> Any:
        return _number(text, int, self.none)


@dataclass(frozen=True)
class Real(Constraint):
    """A number from ``low`` (``above``: but not it) to ``high`` (``below``: but not it)."""

    low: float
    above: bool = False
    infinite: bool = False
    high: float = math.inf
    below: bool = False
    none: bool = False

    def allows(self, value: Any) -> bool:
        if value is None:
            return self.none
        number = as_real(value)
        if number is None or math.isnan(number) or (math.isinf(number) and not self.infinite):
            return False
        over = number > self.low if self.above else number >= self.low
        return over and (number < self.high if self.below else number <= self.high)

    def plain(self, value: Any) -> Any:
        return None if value is None else as_real(value)

    def describe(self) -> str:
        bound = (
            f"a number above {self.low:g}" if self.above else f"a number of at least {self.low:g}"
        )
        if math.isfinite(self.high):
            bound += f" and {'below' if self.below else 'at most'} {self.high:g}"
        return alternatives(bound + (" (inf included)" if self.infinite else ""), (), self.none)

    def kind(self) -> str:
        return alternatives("float", (), self.none)

    def violations(self) -> list[Any]:
        edge = [self.low] if self.above else []
        top = []
        if math.isfinite(self.high):
            top = [self.high + 1, *([self.high] if self.below else [])]
        unbounded = [] if self.infinite else [math.inf]
        return [self.low - 1, *edge, *top, *unbounded, math.nan, "a word",
                *([] if self.none else [None])]  # fmt: skip

    def parse(self, text: str) -> Any:
        return _number(text, float, self.none)


@dataclass(frozen=True)
class Sizes(Constraint):
    """A sequence of whole numbers of at least 1, such as the widths of a network's layers."""

    none: bool = False
    length: int | None = None
    """how many, where that is known"""

    def allows(self, value: Any) -> bool:
        if value is None:
            return self.none
        whole = Integer(1)
        if not isinstance(value, (tuple, list)) or self.length not in (None, len(value)):
            return False
        return all(whole.allows(v) for v in value)

    def plain(self, value: Any) -> Any:
        return None if value is None else _each(value, as_whole)

    def describe(self) -> str:
        many = "" if self.length is None else f"{self.length} "
        return alternatives(f"a sequence of {many}whole numbers of at least 1", (), self.none)

    def kind(self) -> str:
        return alternatives("sequence of int", (), self.none)

    def violations(self) -> list[Any]:
        return [3, (0,), (1.5,), "a word", *([] if self.none else [None])]

    def parse(self, text: str) -> Any:
        if self.none and text.lower() == "none":
            return None
        parts = [_number(part, int, none=False) for part in text.split(",") if part.strip()]
        return tuple(parts)


@dataclass(frozen=True)
class Levels(Constraint):
    """A number above 0 (below ``high``), or a sequence of them."""

    high: float = math.inf

    def allows(self, value: Any) -> bool:
        each = Real(0, above=True, high=self.high, below=math.isfinite(self.high))
        if isinstance(value, (tuple, list)):
            return len(value) > 0 and all(each.allows(part) for part in value)
        return each.allows(value)

    def plain(self, value: Any) -> Any:
        return _each(value, as_real) if isinstance(value, (tuple, list)) else as_real(value)

    def describe(self) -> str:
        bound = "" if math.isinf(self.high) else f" and below {self.high:g}"
        return f"a number above 0{bound}, or a sequence of them"

    def kind(self) -> str:
        return "float or sequence of float"

    def violations(self) -> list[Any]:
        return [0.0, -1.0, math.nan, "a word", (), (0.5, -1.0), None]

    def parse(self, text: str) -> Any:
        parts = [_number(part, float, none=False) for part in text.split(",") if part.strip()]
        return parts[0] if len(parts) == 1 else tuple(parts)


@dataclass(frozen=True)
class Seed(Constraint):
    """What scikit-learn takes as ``random_state``."""

    def allows(self, value: Any) -> bool:
        if value is None or isinstance(value, np.random.RandomState):
            return True
        whole = as_whole(value)
        return whole is not None and 0 <= whole < 2**32

    def plain(self, value: Any) -> Any:
        held = value is None or isinstance(value, np.random.RandomState)
        return value if held else as_whole(value)

    def describe(self) -> str:
        return "a whole number from 0 to 2**32 - 1, a numpy RandomState, or None"

    def kind(self) -> str:
        return "int, RandomState or None"

    def violations(self) -> list[Any]:
        return [-1, 2**32, 0.5, "a word"]

    def parse(self, text: str) -> Any:
        return _number(text, int, none=True)


def _each(values: Any, as_number: Callable[[Any], Any]) -> Any:
    """A list or tuple of the same numbers; itself where nothing changes."""
    plain = type(values)(as_number(value) for value in values)
    return values if all(a is b for a, b in zip(plain, values, strict=True)) else plain


def _number(text: str, kind: type, none: bool) -> Any:
    """The text as a number, as None, or as it is for the constraint to refuse."""
    if none and text.lower() == "none":
        return None
    try:
        return kind(text)
    except ValueError:
        return text
