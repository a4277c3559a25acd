"""Pairs of rows, given x and what happened y, on their way in and out of an estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from thalweg.core import InputError, real_array
from thalweg.data import Rows
from thalweg.estimators.tables.reading import read_rows


class PairsMixin:
    """Reads X and Y, and gives Y back in the shape that it had in training."""

    n_targets_: int
    """Columns of Y; 0 where it was one-dimensional"""

    def _given(self: Any, X: Any, reset: bool = False) -> Rows:
        if not reset:
            check_is_fitted(self)
        rows = read_rows(self, X, reset=reset)
        if rows.summary().hidden:
            raise InputError(
                f"LatentRegressor: X contains NaN in row {_first_hidden(rows.values)}; expected "
                "complete rows (NaN may stand in Y)"
            )
        return rows

    def _targets(self, y: Any, n: int) -> Rows:
        if y is None:
            raise InputError(
                "LatentRegressor: requires y to be passed, but the target y is None; expected what "
                "happened for each row of X"
            )
        given = real_array("Y", y)
        values = given[:, None] if given.ndim == 1 else given
        if values.ndim != 2 or len(values) != n:
            raise InputError(
                f"Y has shape {given.shape}; expected ({n},) or ({n}, n_targets), a row for each "
                "row of X"
            )
        return Rows(values)

    def _asked(self: Any, X: Any, Y: Any) -> tuple[Tensor, Tensor]:
        rows = self._given(X)
        targets = self._targets(Y, len(rows))
        if targets.n_columns != max(1, self.n_targets_):
            raise InputError(
                f"Y has {targets.n_columns} columns; expected {max(1, self.n_targets_)}, as in "
                "training"
            )
        infinite = np.argwhere(np.isinf(targets.values))
        if len(infinite):
            raise InputError(f"Y: row {infinite[0][0]} is infinite; expected a number or NaN")
        like = self._like()
        return torch.tensor(rows.values).to(like), torch.tensor(targets.values).to(like)

    def _shaped(self, y: Tensor) -> NDArray[np.floating]:
        """Predictions (..., d) in the shape that Y had in training."""
        values = np.asarray(y.cpu().numpy())
        return values[..., 0] if self.n_targets_ == 0 else values


def _first_hidden(values: NDArray[np.floating]) -> int:
    return int(np.argmax(np.isnan(values).any(axis=1)))
