"""What a fit ends with: a few lines on what was read, what was done, and how well it fits."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import polars as pl

from thalweg.data.columns import FileTable, Schema, listed

HELD_OUT = 10
"""One row in so many is held out"""

LOOKED_AT = 2000
"""Rows whose mean energy is told"""

PATIENCE = 5.0
"""Seconds that a fit may have taken to be made again without the rows held out"""


def account(model: Any, values: Any, out: str, seconds: float) -> list[str]:
    """Sentences on a model that was fitted to a table or an array."""
    said = []
    if isinstance(values, FileTable):
        schema = model.table_
        said += values.notes
        said.append(f"{values.n_rows or 'all'} rows; columns: {schema.counted()}")
        said += _left_out(schema)
    else:
        said.append(f"{len(values)} rows of {values.shape[1]} numbers")
    said.append(_units(model))
    with warnings.catch_warnings():
        # what there is to say of the table was said when it was read
        warnings.simplefilter("ignore")
        energies = _energies(model, values, seconds)
    said.append(f"{energies}{out} written in {seconds:.1f} s")
    return [each for each in said if each]


def _left_out(schema: Schema) -> list[str]:
    reasons = {
        "identifier": "say which row is which, and stand beside the answers",
        "free text": "free text, carried through",
        "empty": "without a value",
        "nested": "nested",
    }
    return [
        f"left out: {listed(names)} ({why})"
        for kind, why in reasons.items()
        if (names := [column.name for column in schema.columns if column.kind == kind])
    ]


def _units(model: Any) -> str:
    how = {"auto": "robust"}.get(model.scale, model.scale)
    if model.table_ is None:
        return ""
    ways = {"robust": "median and quartiles", "standard": "mean and standard deviation"}
    return f"scaled by {ways[how]}" if how in ways else "not scaled"


def _energies(model: Any, values: Any, seconds: float) -> str:
    """The mean energy, and that of rows that a second fit did not see, where there is time."""
    n = values.n_rows if isinstance(values, FileTable) else len(values)
    if n is None or n > 200_000:
        return ""
    rows: Any = values.frame if isinstance(values, FileTable) else values
    energies = _mean(model.energy(_some(values, rows, np.arange(0, n, -(-n // LOOKED_AT)))))
    told = f"mean energy {energies:.4g}"
    if seconds > PATIENCE or n < 5 * HELD_OUT:
        return f"{told}; "
    began = time.perf_counter()
    every = np.arange(n)
    out = every % HELD_OUT == HELD_OUT // 2
    again = type(model)(**model.get_params(deep=False))
    try:
        again.fit(_some(values, rows, every[~out]))
    except ValueError:
        # fewer rows may be too few for what was asked
        return f"{told}; "
    held = _mean(again.energy(_some(values, rows, every[out])))
    took = time.perf_counter() - began
    return f"{told}, {held:.4g} of a tenth held out (a second fit, {took:.1f} s); "


def _some(values: Any, rows: Any, at: Any) -> Any:
    if isinstance(values, FileTable):
        assert isinstance(rows, pl.DataFrame)
        return values.with_frame(rows[at.tolist()])
    return rows[at]


def _mean(energies: Any) -> float:
    finite = energies[np.isfinite(energies)]
    return float(finite.mean()) if len(finite) else float("inf")
