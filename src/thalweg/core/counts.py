"""Numbers from whatever holds one: Python's, numpy's, an array or a tensor without dimensions."""

from __future__ import annotations

import operator
from numbers import Real
from typing import Any

import numpy as np
import torch

from thalweg.core.errors import InputError


def as_whole(value: Any) -> int | None:
    """A whole number as Python's own; None of anything else, True and False among it."""
    if isinstance(value, (np.ndarray, torch.Tensor)):
        if value.ndim:
            return None
        value = value.item()
    if isinstance(value, (bool, np.bool_)):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def as_real(value: Any) -> float | None:
    """A number as Python's own; None of anything else, True and False among it, and of
    whole numbers beyond floating point."""
    if isinstance(value, (np.ndarray, torch.Tensor)):
        if value.ndim:
            return None
        value = value.item()
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return value if isinstance(value, int) else number


def whole_number(name: str, value: Any, least: int = 1) -> int:
    """A count that a user gave, as Python's own.

    Parameters
    ----------
    name : str
        What messages call it.
    value : object
    least : int, default 1

    Raises
    ------
    InputError
        If it is no whole number, or less than that.
    """
    whole = as_whole(value)
    if whole is None or whole < least:
        raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return whole
