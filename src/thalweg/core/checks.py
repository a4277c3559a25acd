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


@dataclass(frozen=True)
class Real(Constraint):
    """A number from ``low`` on (``above``: but not ``low`` itself), infinity only if said."""

    low: float
    above: bool = False
    infinite: bool = False

    def allows(self, value: Any) -> bool:
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            return False
        number = float(value)
        if math.isnan(number) or (math.isinf(number) and not self.infinite):
            return False
        return number > self.low if self.above else number >= self.low

    def describe(self) -> str:
        bound = (
            f"a number above {self.low:g}" if self.above else f"a number of at least {self.low:g}"
        )
        return bound + (" (inf included)" if self.infinite else "")

    def violations(self) -> list[Any]:
        edge = [self.low] if self.above else []
        unbounded = [] if self.infinite else [math.inf]
        return [self.low - 1, *edge, *unbounded, math.nan, "a word", None]


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
class Array(Constraint):
    """An array, or one of a few words."""

    words: tuple[str, ...] = ()

    def allows(self, value: Any) -> bool:
        if isinstance(value, str):
            return value in self.words
        return hasattr(value, "__array__") or isinstance(value, (list, tuple))

    def describe(self) -> str:
        return _or("an array", self.words, none=False)

    def violations(self) -> list[Any]:
        return ["another word", 3, None]


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
