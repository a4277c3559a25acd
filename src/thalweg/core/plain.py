"""Parameters and facts as JSON has them, and JSON that is read strictly."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

import numpy as np

from thalweg.core.errors import InputError

MOST_DIGITS = 18
"""Of a whole number, so that it fits in 64 bits"""


def to_json(value: Any) -> Any:
    """A parameter or a fact as JSON has it; a RandomState moves on and is not kept."""
    if isinstance(value, np.random.RandomState):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    # JSON has no infinity
    if isinstance(value, (tuple, list)):
        return {"tuple": [to_json(part) for part in value]}
    return {"float": str(value)} if isinstance(value, float) and math.isinf(value) else value


def from_json(value: Any) -> Any:
    """What :func:`to_json` was given; InputError for what it does not write."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict) and len(value) == 1:
        ((kind, content),) = value.items()
        if kind == "tuple" and isinstance(content, list):
            return tuple(from_json(part) for part in content)
        if kind == "float" and content in ("inf", "-inf"):
            return float(content)
    raise InputError(f"{_short(value)} is no value of a parameter")


def parse_json(text: str | bytes) -> Any:
    """JSON by the letter: names once, numbers that are numbers and fit, no endless nesting.

    Raises
    ------
    InputError
        If it is none; the message says where.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_constant=_no_number, parse_int=_whole,
            parse_float=_finite,
        )  # fmt: skip
    except RecursionError:
        raise InputError("it is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise InputError(f"it is not UTF-8 ({error})") from error
    except json.JSONDecodeError as error:
        raise InputError(f"it is no JSON ({error})") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InputError(f"{_short(twice)} is there twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise InputError(f"{text} is no number of JSON")


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > MOST_DIGITS:
        raise InputError(f"a whole number has {len(text)} digits; expected at most {MOST_DIGITS}")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InputError(f"{text[:20]} is too large a number")
    return number


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
