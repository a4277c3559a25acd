"""Constraints as data: what a parameter may be, how that is written, which values must fail."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


class Constraint(ABC):
    """What a parameter may be."""

    @abstractmethod
    def allows(self, value: Any) -> bool:
        """Whether the value may be used."""

    @abstractmethod
    def describe(self) -> str:
        """What is expected, to follow "must be"."""

    def kind(self) -> str:
        """The type as documentation names it."""
        return "object"

    @abstractmethod
    def violations(self) -> list[Any]:
        """Values that must be refused; tests try every one."""

    @property
    def is_size(self) -> bool:
        """Whether memory depends on it."""
        return False

    def parse(self, text: str) -> Any:
        """The value that a text on the command line stands for; the text itself if none."""
        return text

    def plain(self, value: Any) -> Any:
        """A value that is allowed, in Python's own numbers, which neither overflow nor round."""
        return value


@dataclass(frozen=True)
class Either(Constraint):
    """What one of two constraints allows."""

    first: Constraint
    second: Constraint

    def allows(self, value: Any) -> bool:
        return self.first.allows(value) or self.second.allows(value)

    def describe(self) -> str:
        return f"{self.first.describe()}, or {self.second.describe()}"

    def kind(self) -> str:
        return f"{self.first.kind()} or {self.second.kind()}"

    def violations(self) -> list[Any]:
        tried = [*self.first.violations(), *self.second.violations()]
        return [value for value in tried if not self.allows(value)]

    def plain(self, value: Any) -> Any:
        return (self.first if self.first.allows(value) else self.second).plain(value)

    @property
    def is_size(self) -> bool:
        return self.first.is_size or self.second.is_size

    def parse(self, text: str) -> Any:
        for constraint in (self.first, self.second):
            value = constraint.parse(text)
            if constraint.allows(value):
                return value
        return text


@dataclass(frozen=True)
class Switch(Constraint):
    """True or False."""

    def allows(self, value: Any) -> bool:
        return isinstance(value, (bool, np.bool_))

    def plain(self, value: Any) -> Any:
        return bool(value)

    def describe(self) -> str:
        return "True or False"

    def kind(self) -> str:
        return "bool"

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

    def kind(self) -> str:
        return "{" + ", ".join(_quoted(word) for word in self.words) + "}"

    def violations(self) -> list[Any]:
        return ["another word", 3, None]


@dataclass(frozen=True)
class Nothing(Constraint):
    """None."""

    def allows(self, value: Any) -> bool:
        return value is None

    def describe(self) -> str:
        return "None"

    def kind(self) -> str:
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
        return alternatives("an array", self.words, self.none)

    def kind(self) -> str:
        return alternatives("array", self.words, self.none)

    def violations(self) -> list[Any]:
        return ["another word", 3, *([] if self.none else [None])]

    def parse(self, text: str) -> Any:
        return None if self.none and text.lower() == "none" else text


@dataclass(frozen=True)
class OneOf(Constraint):
    """An object of a class."""

    owner: type

    def allows(self, value: Any) -> bool:
        return isinstance(value, self.owner)

    def describe(self) -> str:
        return f"a {self.owner.__name__}"

    def kind(self) -> str:
        return self.owner.__name__

    def violations(self) -> list[Any]:
        return [None, 3, "a word"]


@dataclass(frozen=True)
class CallableObject(Constraint):
    """Anything that can be called."""

    def allows(self, value: Any) -> bool:
        return callable(value)

    def describe(self) -> str:
        return "a function"

    def kind(self) -> str:
        return "callable"

    def violations(self) -> list[Any]:
        return [None, 3, "a word"]


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

    def kind(self) -> str:
        return "str"

    def violations(self) -> list[Any]:
        return ["another word", 3, None]


def alternatives(first: str, words: tuple[str, ...], none: bool) -> str:
    """What is expected first, or one of the words, or None."""
    return " or ".join([first, *(repr(word) for word in words), *(["None"] if none else [])])


def _quoted(word: str) -> str:
    return f'"{word}"'
