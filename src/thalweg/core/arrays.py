"""Plain arrays from whatever a user has: what is masked or missing is NaN, nothing is guessed."""

from __future__ import annotations

import sys
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from thalweg.core.errors import InputError

NOT_NUMBERS = {
    "c": "Complex data not supported; expected real numbers",
    "M": "dates; expected numbers (days since one of them, for example)",
    "m": "spans of time; expected numbers (of seconds, for example)",
    "V": "records; expected numbers (one column for each field)",
}
"""What is wrong with a kind of entries that numpy would make numbers of, or fail at in its words"""


def as_array(name: str, value: Any) -> NDArray[Any]:
    """The array that a user means, NaN where an entry is masked or missing.

    Takes arrays, masked ones too, tensors of any device and type, data frames, series, and lists of
    these. Entries keep their type where it can hold what is hidden. What is of no number (words) is
    handed on as it is.

    Parameters
    ----------
    name : str
        What messages call it.
    value : object

    Raises
    ------
    InputError
        If it is sparse, complex, of dates, spans of time or records, of rows of unequal lengths, no
        array at all, or a data frame with a column of something else than numbers.
    """
    columns = columns_of(value)
    if columns is not None:
        return _of_columns(name, columns)
    if isinstance(value, torch.Tensor):
        return _of_tensor(name, value)
    sparse = sys.modules.get("scipy.sparse")
    if sparse is not None and sparse.issparse(value):
        raise InputError(f"{name} is sparse ({type(value).__name__}); expected a dense array")
    if isinstance(value, (list, tuple)):
        value = _of_list(name, value)
    masked = np.ma.getmaskarray(value) if isinstance(value, np.ma.MaskedArray) else None
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: {error}; expected rows of numbers, all of one size") from error
    if array.dtype == object:
        if array.ndim == 0:
            raise InputError(
                f"{name} is {type(value).__name__}; expected an array, a data frame or a tensor"
            )
        array = _of_objects(array)
    if array.dtype.kind in NOT_NUMBERS:
        raise InputError(f"{name} holds {array.dtype}: {NOT_NUMBERS[array.dtype.kind]}")
    return array if masked is None or not masked.any() else _hidden(name, array, masked)


def columns_of(value: Any) -> list[tuple[Any, Any]] | None:
    """Names and series of a data frame of pandas or polars; None of anything else.

    Neither is imported for this: who has one of its frames has imported it.
    """
    pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
    if pandas is not None and isinstance(value, pandas.DataFrame):
        return [(column, value.iloc[:, j]) for j, column in enumerate(value.columns)]
    if polars is not None and isinstance(value, polars.DataFrame):
        return [(column.name, column) for column in value.iter_columns()]
    return None


def _of_columns(name: str, columns: list[tuple[Any, Any]]) -> NDArray[Any]:
    arrays = []
    names = [column for column, _ in columns]
    for column, series in columns:
        if names.count(column) > 1:
            raise InputError(f"{name}: two columns are called {column!r}; expected different names")
        array = as_array(f"{name}: column {column!r}", series)
        if array.dtype.kind not in "fiub" or array.ndim != 1:
            held, row = _first_that_is_no_number(array)
            raise InputError(
                f"{name}: column {column!r} holds {held!r} in row {row}; expected numbers "
                "(estimators of tables read words where they were fitted on a frame that has some)"
            )
        arrays.append(array)
    return np.column_stack(arrays) if arrays else np.empty((0, 0))


def _first_that_is_no_number(array: NDArray[Any]) -> tuple[Any, int]:
    others = (
        (value, row) for row, value in enumerate(array)
        if not isinstance(value, (Real, Decimal, np.bool_))
    )  # fmt: skip
    return next(others, (array.dtype, 0))


def _of_tensor(name: str, tensor: torch.Tensor) -> NDArray[Any]:
    kinds = {
        "sparse": tensor.layout != torch.strided,
        "nested": tensor.is_nested,
        "quantized": tensor.is_quantized,
        "without values (meta)": tensor.is_meta,
    }
    if any(kinds.values()):
        kind = next(kind for kind, found in kinds.items() if found)
        raise InputError(f"{name} is a tensor that is {kind}; expected a dense one")
    if tensor.is_floating_point() and tensor.dtype not in (torch.float64, torch.float16):
        # numpy has neither bfloat16 nor the kinds of 8 bits
        tensor = tensor.float()
    return as_array(name, tensor.numpy(force=True))


def _of_list(name: str, values: list[Any] | tuple[Any, ...]) -> Any:
    """A list with what numpy would misread in it made plain: masks would be lost."""
    kinds = (list, tuple, torch.Tensor, np.ma.MaskedArray)
    if not any(isinstance(value, kinds) for value in values):
        return values
    return [
        as_array(f"{name}: number {i}", value) if isinstance(value, kinds) else value
        for i, value in enumerate(values)
    ]


def _of_objects(array: NDArray[Any]) -> NDArray[Any]:
    """Numbers where all are, NaN where an entry is missing; other objects stay what they are."""
    pandas = sys.modules.get("pandas")
    missing = (
        np.frompyfunc(lambda entry: entry is None, 1, 1)(array).astype(bool)
        if pandas is None
        else pandas.isna(array)
    )
    array = np.where(missing, np.nan, array)
    every = array.reshape(-1)
    if all(isinstance(value, (Real, Decimal, np.bool_)) for value in every):
        return array.astype(np.float64)
    return array


def _hidden(name: str, array: NDArray[Any], masked: NDArray[np.bool_]) -> NDArray[np.floating]:
    """A copy with NaN where it is masked, of a type that has one."""
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name} holds {array.dtype}; expected numbers where some are masked")
    result = array.astype(np.result_type(array.dtype, np.float32))
    result[masked] = np.nan
    return result
