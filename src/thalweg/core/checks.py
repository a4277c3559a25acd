"""Checks of what a user gave: parameters by their constraints, arrays by their shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thalweg.core.constraints import Constraint
from thalweg.core.errors import InputError


def check_parameters(
    owner: str, values: Mapping[str, Any], constraints: Mapping[str, Constraint]
) -> None:
    """Hold each value to its constraint, or raise :class:`InputError` for the first that fails."""
    for name, constraint in constraints.items():
        if not constraint.allows(values[name]):
            shown = repr(values[name])
            shown = shown if len(shown) <= 60 else shown[:57] + "..."
            raise InputError(f"{owner}: {name} must be {constraint.describe()}, got {shown}")


def finite_array(
    name: str, value: Any, shape: tuple[int, ...], meaning: str = ""
) -> NDArray[np.float64]:
    """An array that a user gave, held to a shape.

    Raises
    ------
    InputError
        If it has another one, or an entry that is not finite.
    """
    array = np.array(value, dtype=np.float64, order="C")
    if array.shape != shape:
        means = f", {meaning}" if meaning else ""
        raise InputError(f"{name} has shape {array.shape}; expected {shape}{means}")
    if not np.isfinite(array).all():
        raise InputError(f"{name} has an entry that is not finite; expected numbers")
    return array
