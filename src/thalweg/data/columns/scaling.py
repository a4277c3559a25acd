"""Units of the columns of a table, taken off before a model sees distances."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thalweg.core import InputError
from thalweg.data.columns.schema import Schema
from thalweg.data.rows import Rows
from thalweg.data.source import Summary

QUARTILES = 1.3489795003921634
"""Between the quartiles of a normal density of variance 1"""

SAMPLED = 200_000
"""Rows, at most, that quartiles are taken of."""

LEAST_SPREAD = 0.02
"""Of a word that is nearly always the same: 1 - sum p^2, at least"""


class Scaling(NamedTuple):
    """What is taken off each entry of a row, and what it is divided by."""

    shift: NDArray[np.float64]
    scale: NDArray[np.float64]

    def into(self, rows: NDArray[np.floating]) -> NDArray[np.floating]:
        """Rows in the units of the model."""
        return np.asarray((rows - self.shift) / self.scale).astype(rows.dtype, copy=False)

    def out(self, rows: NDArray[np.floating]) -> NDArray[np.floating]:
        """Rows in the units of the table."""
        return np.asarray(rows * self.scale + self.shift).astype(rows.dtype, copy=False)

    def to_json(self) -> dict[str, Any]:
        return {"shift": self.shift.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_json(cls, value: Any, width: int) -> Scaling:
        """What :meth:`to_json` wrote, checked."""
        if not isinstance(value, dict) or set(value) != {"shift", "scale"}:
            raise InputError("units must be an object of JSON with shift and scale")
        parts = []
        for name in ("shift", "scale"):
            numbers = value[name]
            if not isinstance(numbers, list) or len(numbers) != width or not all(
                type(each) is float and np.isfinite(each) for each in numbers
            ):  # fmt: skip
                raise InputError(f"{name} of the units must be {width} numbers")
            parts.append(np.array(numbers))
        if not (parts[1] > 0).all():
            raise InputError("scale of the units must be above 0")
        return cls(*parts)


def scaling_of(
    rows: Rows, summary: Summary, schema: Schema | None, how: str, *, words: bool = True
) -> Scaling:
    """The units of the columns of rows.

    Numbers are taken off their median and divided by the distance of their quartiles, as wide as a
    standard deviation of a normal density (``how`` is "robust"), or mean and standard deviation
    ("standard"). A column of several numbers, as dates are, counts as one. The indicators of a word
    are divided so that their variances sum to 1, so that a word counts as much as a number; without
    ``words`` they stay 0 and 1.
    """
    shift, scale = summary.mean.copy(), np.sqrt(summary.variance)
    if how == "robust":
        low, middle, high = _quartiles(rows)
        spread = (high - low) / QUARTILES
        wide = spread > 1e-9 * scale
        shift[wide], scale[wide] = middle[wide], spread[wide]
    scale[scale <= 1e-12 * np.maximum(np.abs(summary.mean), 1e-300)] = 1
    if schema is None:
        return Scaling(shift, scale)
    if how == "none":
        shift[:], scale[:] = 0, 1
    circles = schema.circles
    shift[circles], scale[circles] = 0, 1
    scale *= np.sqrt(schema.shares)
    for start, stop in schema.layout.words:
        if not words:
            shift[start:stop], scale[start:stop] = 0, 1
            continue
        share = summary.mean[start:stop]
        shift[start:stop] = share if how != "none" else 0
        scale[start:stop] = np.sqrt(max(1 - float(share @ share), LEAST_SPREAD))
    return Scaling(shift, scale)


def _quartiles(rows: Rows) -> NDArray[np.float64]:
    """(3, d), of the visible entries."""
    n = len(rows)
    every = np.arange(n) if n <= SAMPLED else np.linspace(0, n - 1, SAMPLED).astype(np.int64)
    values = rows.values if n <= SAMPLED and not rows.on_disk else rows.take(every)
    found = np.empty((3, rows.n_columns))
    for at in range(rows.n_columns):
        column = values[:, at]
        column = column[~np.isnan(column)]
        found[:, at] = np.quantile(column, (0.25, 0.5, 0.75)) if len(column) else (0, 0, 0)
    return found
