"""Columns with one value alone: what is filled in and drawn there is that value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thalweg.core import Constraint, Declared, InputError, learned
from thalweg.data import Rows, Summary
from thalweg.training.start import constant_columns


@dataclass(frozen=True)
class Constants(Constraint):
    """Pairs of a column and its value; None of files that did not know of it."""

    def allows(self, value: Any) -> bool:
        if value is None:
            return True
        return isinstance(value, tuple) and all(self._is_pair(each) for each in value)

    @staticmethod
    def _is_pair(each: Any) -> bool:
        if not isinstance(each, tuple) or len(each) != 2:
            return False
        column, held = each
        whole = isinstance(column, int) and not isinstance(column, bool) and column >= 0
        return whole and isinstance(held, float) and math.isfinite(held)

    def describe(self) -> str:
        return "pairs of a column, counted from 0, and a number"

    def violations(self) -> list[Any]:
        return ["a word", (1.0,), ((-1, 0.0),), ((0, math.nan),), ((True, 0.0),)]


class ConstantsMixin(Declared):
    """Remembers columns that were constant in training."""

    constants_: tuple[tuple[int, float], ...] | None = learned(
        "Columns of one value alone, each with it: what is completed or drawn has it too.",
        saved=True,
        constraint=Constants(),
    )

    def _remember(self, rows: Rows, summary: Summary) -> None:
        """Look for constant columns."""
        left = list(np.flatnonzero(constant_columns(summary)))
        found = {}
        for _, chunk in rows.chunks():
            for j in left:
                shown = chunk[~np.isnan(chunk[:, j]), j]
                if len(shown):
                    found[int(j)] = float(shown[0])
            left = [j for j in left if j not in found]
            if not left:
                break
        self.constants_ = tuple(sorted(found.items()))

    def _with_constants(
        self, values: NDArray[np.floating], asked: NDArray[np.bool_] | None = None
    ) -> NDArray[np.floating]:
        """Rows with constants in their columns, where they are asked for; changed in place."""
        for j, held in self.constants_ or ():
            values[slice(None) if asked is None else asked[:, j], j] = held
        return values

    def _check_constants(self, columns: int) -> None:
        """Hold constants that were read from a file to the columns that there are."""
        beyond = [j for j, _ in self.constants_ or () if j >= columns]
        if beyond:
            raise InputError(f"constants_ has column {beyond[0]}; there are {columns}")
