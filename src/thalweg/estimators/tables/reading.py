"""Arrays, data frames and tensors on their way in and out of an estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from thalweg.core import InputError
from thalweg.data import Rows
from thalweg.estimators.base.scikit_learn import BaseEstimator


def read_rows(estimator: BaseEstimator, X: Any, reset: bool) -> Rows:
    """X as rows of float32 or float64, checked against what the estimator was fitted on."""
    if isinstance(X, torch.Tensor):
        X = X.detach().cpu().numpy()
    _refuse_text(X)
    try:
        values = validate_data(
            estimator,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            ensure_all_finite=False,
            order="C",
        )
    except ValueError as error:
        # too few rows or columns, or others than in training, in scikit-learn's words
        raise InputError(f"X: {error}") from error
    return Rows(values)


def _refuse_text(X: Any) -> None:
    """Name the column of a data frame that does not hold numbers."""
    if not hasattr(X, "columns") or not hasattr(X, "dtypes"):
        return
    for name in X.columns:
        column = np.asarray(X[name])
        if column.dtype.kind not in "OUSMm":
            continue
        for row, value in enumerate(column):
            if value is not None and not isinstance(value, (int, float, np.number)):
                raise InputError(
                    f"X: column {name!r} holds {value!r} in row {row}; expected numbers "
                    "(encode other columns first, for example with scikit-learn's OneHotEncoder)"
                )


def as_given(X: Any, values: NDArray[np.floating]) -> Any:
    """The values in the kind of container that X is."""
    if isinstance(X, torch.Tensor):
        return torch.from_numpy(values).to(X.device)
    kind = type(X)
    if kind.__name__ == "DataFrame" and kind.__module__.startswith("pandas"):
        return kind(values, index=X.index, columns=X.columns)
    if kind.__name__ == "DataFrame" and kind.__module__.startswith("polars"):
        return kind(values, schema=list(X.columns))
    return values
