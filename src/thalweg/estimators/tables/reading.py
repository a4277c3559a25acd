"""Arrays, data frames and tensors on their way in and out of an estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from thalweg.core import InputError, as_array, columns_of
from thalweg.data import Rows
from thalweg.estimators.base.scikit_learn import BaseEstimator
from thalweg.estimators.tables.sparse import TakesSparse, is_sparse, read_sparse


def read_rows(estimator: BaseEstimator, X: Any, reset: bool) -> Rows:
    """X as rows of float32 or float64, checked against what the estimator was fitted on."""
    if isinstance(estimator, TakesSparse) and is_sparse(X):
        return read_sparse(estimator, X, reset)
    array = as_array("X", X)
    try:
        values = validate_data(
            estimator,
            # a frame again, for scikit-learn looks at the names of its columns
            array if columns_of(X) is None else as_given(X, array),
            reset=reset,
            dtype=[np.float64, np.float32],
            ensure_all_finite=False,
            order="C",
        )
    except ValueError as error:
        # too few rows or columns, or others than in training, in scikit-learn's words
        raise InputError(f"X: {error}") from error
    return Rows(values)


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
