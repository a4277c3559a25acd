"""Sparse matrices of scipy on their way into the estimators that take them."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from thalweg.core import InputError
from thalweg.data import SparseRows
from thalweg.estimators.base.scikit_learn import BaseEstimator


class TakesSparse(BaseEstimator):
    """For estimators that learn from sparse matrices, and answer about them, chunk by chunk.

    Entries that are not stored are zeros, values like any other; a stored NaN is hidden. Answers
    are those for the dense array.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def is_sparse(X: Any) -> bool:
    """Whether X is a sparse matrix or array of scipy, which is not imported to find out."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(X))


def refuse_sparse(question: str, X: Any) -> None:
    """Say that a sparse matrix hides nothing."""
    if is_sparse(X):
        raise InputError(
            f"{question}: X is sparse ({type(X).__name__}), where what is not stored is 0; "
            "expected a dense array with NaN where an entry is hidden"
        )


def read_sparse(estimator: BaseEstimator, X: Any, reset: bool) -> SparseRows:
    """X in compressed rows, checked against what the estimator was fitted on."""
    try:
        matrix = validate_data(
            estimator,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            ensure_all_finite=False,
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"X: {error}") from error
    return SparseRows(matrix)
