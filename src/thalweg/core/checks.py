"""Checks of what a user gives: constraints as data, and one form of message.

Every message says what is wrong, where, and what was expected.
"""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


class InputError(ValueError):
    """Something the user gave cannot be used; the message says what, where, and what could."""


class Constraint(ABC):
    """What a parameter may be."""

    @abstractmethod
    def allows(self, value: Any) -> bool:
        """Whether the value may be used."""

    @abstractmethod
    def describe(self) -> str:
        """What is expected, to follow "must be"."""

    @abstractmethod
    def violations(self) -> list[Any]:
        """Values that must be refused; tests try every one."""

    def parse(self, text: str) -> Any:
        """The value that a text on the command line stands for; the text itself if none."""
        return text


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
        is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        return is_whole and int(value) >= self.low

    def describe(self) -> str:
        return _or(f"a whole number of at least {self.low}", self.words, self.none)

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
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            return False
        number = float(value)
        if math.isnan(number) or (math.isinf(number) and not self.infinite):
            return False
        over = number > self.low if self.above else number >= self.low
        return over and (number < self.high if self.below else number <= self.high)

    def describe(self) -> str:
        bound = (
            f"a number above {self.low:g}" if self.above else f"a number of at least {self.low:g}"
        )
        if math.isfinite(self.high):
            bound += f" and {'below' if self.below else 'at most'} {self.high:g}"
        return _or(bound + (" (inf included)" if self.infinite else ""), (), self.none)

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
class Either(Constraint):
    """What one of two constraints allows."""

    first: Constraint
    second: Constraint

    def allows(self, value: Any) -> bool:
        return self.first.allows(value) or self.second.allows(value)

    def describe(self) -> str:
        return f"{self.first.describe()}, or {self.second.describe()}"

    def violations(self) -> list[Any]:
        tried = [*self.first.violations(), *self.second.violations()]
        return [value for value in tried if not self.allows(value)]

    def parse(self, text: str) -> Any:
        for constraint in (self.first, self.second):
            value = constraint.parse(text)
            if constraint.allows(value):
                return value
        return text


@dataclass(frozen=True)
class Sizes(Constraint):
    """A sequence of whole numbers of at least 1, such as the widths of a network's layers."""

    none: bool = False

    def allows(self, value: Any) -> bool:
        if value is None:
            return self.none
        whole = Integer(1)
        return isinstance(value, (tuple, list)) and all(whole.allows(v) for v in value)

    def describe(self) -> str:
        return _or("a sequence of whole numbers of at least 1", (), self.none)

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

    def describe(self) -> str:
        bound = "" if math.isinf(self.high) else f" and below {self.high:g}"
        return f"a number above 0{bound}, or a sequence of them"

    def violations(self) -> list[Any]:
        return [0.0, -1.0, math.nan, "a word", (), (0.5, -1.0), None]

    def parse(self, text: str) -> Any:
        parts = [_number(part, float, none=False) for part in text.split(",") if part.strip()]
        return parts[0] if len(parts) == 1 else tuple(parts)


@dataclass(frozen=True)
class Switch(Constraint):
    """True or False."""

    def allows(self, value: Any) -> bool:
        return isinstance(value, (bool, np.bool_))

    def describe(self) -> str:
        return "True or False"

    def violations(self) -> list[Any]:
        return ["a word", 3, None]

    def parse(self, text: str) -> Any:
        return {"true": True, "false": False}.get(text.lower(), text)


@dataclass(frozen=True)
class Choice(Constraint):
    """One of a few words."""

    words: tuple[str, ...]

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and value in self.words

    def describe(self) -> str:
        return "one of " + ", ".join(repr(word) for word in self.words)

    def violations(self) -> list[Any]:
        return ["another word", 3, None]


@dataclass(frozen=True)
class Nothing(Constraint):
    """None."""

    def allows(self, value: Any) -> bool:
        return value is None

    def describe(self) -> str:
        return "None"

    def violations(self) -> list[Any]:
        return ["something", 3]

    def parse(self, text: str) -> Any:
        return None if text.lower() == "none" else text


@dataclass(frozen=True)
class Array(Constraint):
    """An array, or one of a few words, or None."""

    words: tuple[str, ...] = ()
    none: bool = False

    def allows(self, value: Any) -> bool:
        if value is None:
            return self.none
        if isinstance(value, str):
            return value in self.words
        return hasattr(value, "__array__") or isinstance(value, (list, tuple))

    def describe(self) -> str:
        return _or("an array", self.words, self.none)

    def violations(self) -> list[Any]:
        return ["another word", 3, *([] if self.none else [None])]

    def parse(self, text: str) -> Any:
        return None if self.none and text.lower() == "none" else text


@dataclass(frozen=True)
class OneOf(Constraint):
    """An object of a class."""

    kind: type

    def allows(self, value: Any) -> bool:
        return isinstance(value, self.kind)

    def describe(self) -> str:
        return f"a {self.kind.__name__}"

    def violations(self) -> list[Any]:
        return [None, 3, "a word"]


@dataclass(frozen=True)
class Seed(Constraint):
    """What scikit-learn takes as ``random_state``."""

    def allows(self, value: Any) -> bool:
        if value is None or isinstance(value, np.random.RandomState):
            return True
        is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        return is_whole and 0 <= int(value) < 2**32

    def describe(self) -> str:
        return "a whole number from 0 to 2**32 - 1, a numpy RandomState, or None"

    def violations(self) -> list[Any]:
        return [-1, 2**32, 0.5, "a word"]

    def parse(self, text: str) -> Any:
        return _number(text, int, none=True)


@dataclass(frozen=True)
class Device(Constraint):
    """A torch device by name, or "auto"."""

    def allows(self, value: Any) -> bool:
        if not isinstance(value, str):
            return False
        try:
            self.resolve(value)
        except RuntimeError:
            return False
        return True

    @staticmethod
    def resolve(name: str) -> torch.device:
        """The device: for "auto" a GPU if there is one."""
        if name == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        device = torch.device(name)
        if device.type == "cuda" and not torch.cuda.is_available():
            raise RuntimeError("there is no CUDA device")
        return device

    def describe(self) -> str:
        return "'auto' or the name of a torch device that is there, such as 'cpu' or 'cuda'"

    def violations(self) -> list[Any]:
        return ["another word", 3, None]


def _number(text: str, kind: type, none: bool) -> Any:
    """The text as a number, as None, or as it is for the constraint to refuse."""
    if none and text.lower() == "none":
        return None
    try:
        return kind(text)
    except ValueError:
        return text


def _or(first: str, words: tuple[str, ...], none: bool) -> str:
    return " or ".join([first, *(repr(word) for word in words), *(["None"] if none else [])])


def check_parameters(
    owner: str, values: Mapping[str, Any], constraints: Mapping[str, Constraint]
) -> None:
    """Hold each value to its constraint, or raise :class:`InputError` for the first that fails."""
    for name, constraint in constraints.items():
        if not constraint.allows(values[name]):
            raise InputError(
                f"{owner}: {name} must be {constraint.describe()}, got {_shown(values[name])}"
            )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
