"""Checks of what a user gave: parameters by their constraints, arrays by their shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thalweg.core.arrays import as_array
from thalweg.core.constraints import Constraint
from thalweg.core.errors import InputError


def check_parameters(
    owner: str, values: Mapping[str, Any], constraints: Mapping[str, Constraint]
) -> dict[str, Any]:
    """Hold each value to its constraint, or raise :class:`InputError` for the first that fails.

    Returns
    -------
    dict
        The values, numbers as Python's own whatever type they came in.
    """
    for name, constraint in constraints.items():
        if not constraint.allows(values[name]):
            shown = repr(values[name])
            shown = shown if len(shown) <= 60 else shown[:57] + "..."
            raise InputError(f"{owner}: {name} must be {constraint.describe()}, got {shown}")
    return {name: constraint.plain(values[name]) for name, constraint in constraints.items()}


def real_array(name: str, value: Any) -> NDArray[np.float64]:
    """An array of numbers that a user gave, a copy in rows; NaN where one is masked or missing.

    Raises
    ------
    InputError
        If it is not one of numbers.
    """
    try:
        return np.array(as_array(name, value), dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name}: {error}; expected numbers") from error


def finite_array(
    name: str, value: Any, shape: tuple[int, ...], meaning: str = ""
) -> NDArray[np.float64]:
    """An array that a user gave, held to a shape.

    Raises
    ------
    InputError
        If it has another one, or an entry that is not finite.
    """
    array = real_array(name, value)
    if array.shape != shape:
        means = f", {meaning}" if meaning else ""
        raise InputError(f"{name} has shape {array.shape}; expected {shape}{means}")
    if not np.isfinite(array).all():
        raise InputError(f"{name} has an entry that is not finite; expected numbers")
    return array
