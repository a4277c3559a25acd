"""Data frames of other libraries as raw columns, and answers back in their kind."""

from __future__ import annotations

import datetime
import sys
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.core import InputError


def is_frame(value: Any) -> bool:
    """Whether it is a data frame of pandas or polars, or a table of Arrow.

    None of them is imported for this: who has one has imported it.
    """
    return _is(value, "pandas", "DataFrame") or _is(value, "polars", "DataFrame") or is_arrow(value)


def is_arrow(value: Any) -> bool:
    """Whether it is a table of Arrow."""
    return _is(value, "pyarrow", "Table") or _is(value, "pyarrow", "RecordBatch")


def _is(value: Any, library: str, name: str) -> bool:
    module = sys.modules.get(library)
    return module is not None and isinstance(value, getattr(module, name))


def holds_numbers_alone(frame: Any) -> bool:
    """Whether every column of a data frame is of numbers (truth values among them)."""
    if _is(frame, "polars", "DataFrame"):
        return all(k.is_numeric() or k in (pl.Boolean, pl.Null) for k in frame.dtypes)
    if is_arrow(frame):
        return holds_numbers_alone(raw_columns("X", frame))
    return all(_of_numbers(frame.iloc[:, j]) for j in range(frame.shape[1]))


def _of_numbers(series: Any) -> bool:
    kind = series.dtype
    if kind.kind in "fiub":
        return True
    if kind.kind in "cV":
        # to be refused as an array is
        return True
    return bool(kind == np.dtype(object)) and all(
        isinstance(each, (Real, Decimal, np.bool_)) for each in series if not _missing(each)
    )


def raw_columns(name: str, frame: Any) -> pl.DataFrame:
    """The columns of a data frame, in polars, with their own types where they can be kept.

    Raises
    ------
    InputError
        If two columns have one name.
    """
    if _is(frame, "polars", "DataFrame"):
        return _plain_types(frame)
    if is_arrow(frame):
        found = pl.from_arrow(frame)
        assert isinstance(found, pl.DataFrame)
        return _plain_types(found)
    names = [str(column) for column in frame.columns]
    for each in names:
        if names.count(each) > 1:
            raise InputError(f"{name}: two columns are called {each!r}; expected different names")
    columns = [_of_pandas(label, frame.iloc[:, j]) for j, label in enumerate(names)]
    return _plain_types(pl.DataFrame(columns))


def _plain_types(frame: pl.DataFrame) -> pl.DataFrame:
    """Spans of time as seconds."""
    spans = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Duration)]
    second = pl.col(spans).dt.total_microseconds() / 1e6
    return frame.with_columns(second) if spans else frame


def _of_pandas(name: str, series: Any) -> pl.Series:
    kind = series.dtype
    if kind.kind in "fiub" and isinstance(kind, np.dtype):
        return pl.Series(name, series.to_numpy())
    if kind.kind == "M" and isinstance(kind, np.dtype):
        return pl.Series(name, series.to_numpy().astype("datetime64[us]"))
    if kind.kind == "m":
        return pl.Series(name, series.dt.total_seconds().to_numpy(dtype=float))
    zone = getattr(kind, "tz", None)
    if zone is not None:
        utc = series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[us]")
        return pl.Series(name, utc)
    values = [None if _missing(each) else each for each in series.tolist()]
    return _of_objects(name, values, words=str(kind) == "category")


def _of_objects(name: str, values: list[Any], *, words: bool) -> pl.Series:
    present = [each for each in values if each is not None]

    def all_of(*kinds: type) -> bool:
        return bool(present) and not words and all(isinstance(each, kinds) for each in present)

    if all_of(bool, np.bool_):
        return pl.Series(name, [None if v is None else bool(v) for v in values], pl.Boolean)
    if all_of(Real, Decimal, np.bool_):  # type: ignore[type-abstract]
        return pl.Series(name, [None if v is None else float(v) for v in values], pl.Float64)
    for kind, typed in (
        (datetime.datetime, pl.Datetime("us")), (datetime.date, pl.Date), (datetime.time, pl.Time),
    ):  # fmt: skip
        if all_of(kind):
            return pl.Series(name, values, strict=False).cast(typed)
    if any(isinstance(each, (list, tuple, dict, set, np.ndarray, bytes)) for each in present):
        return pl.Series(name, [None if v is None else [0] for v in values], pl.List(pl.Int8))
    texts = pl.Series(name, [None if v is None else str(v) for v in values], pl.String)
    return texts.cast(pl.Categorical) if words else texts


def _missing(value: Any) -> bool:
    """None, NaN, NaT and pandas' NA: what is not equal to itself, or does not say."""
    if value is None:
        return True
    if isinstance(value, (str, list, tuple, dict, set, bytes, np.ndarray)):
        return False
    try:
        return not bool(value == value)  # noqa: PLR0124 - NaN is not itself
    except TypeError:
        return True


def put_in(given: Any, name: str, where: NDArray[np.bool_], values: pl.Series) -> Any:
    """A data frame in which a column has other values in some rows, in the type it had if it can.

    ``values`` are for all rows. A column that is not there is added.
    """
    if _is(given, "pandas", "DataFrame"):
        return _put_in_pandas(given, name, where, values)
    if is_arrow(given):
        raise TypeError("tables of Arrow are filled as frames of polars")
    if name not in given.columns:
        return given.with_columns(values.alias(name))
    old = given[name]
    found = values_as(values, old.dtype)
    if old.dtype == pl.Null or found.dtype != old.dtype:
        old = old.cast(found.dtype)
    return given.with_columns(found.zip_with(pl.Series(where), old).alias(name))


def values_as(values: pl.Series, kind: pl.DataType) -> pl.Series:
    """Values in the type of a column; in their own where it cannot take them."""
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        return values.dt.replace_time_zone("UTC").dt.convert_time_zone(kind.time_zone).cast(kind)
    if isinstance(kind, pl.Duration):
        return (values.cast(pl.Float64) * 1e6).round().cast(pl.Int64).cast(pl.Duration("us"))
    if kind == pl.Null:
        return values
    return values.cast(kind)


def _put_in_pandas(given: Any, name: str, where: NDArray[np.bool_], values: pl.Series) -> Any:
    result = given.copy(deep=False)
    labels = [str(column) for column in given.columns]
    if name not in labels:
        result[name] = values.to_list()
        return result
    if not where.any():
        return result
    at = labels.index(name)
    old = given.iloc[:, at]
    found = values.filter(pl.Series(where))
    if old.dtype.kind == "m":
        put: Any = [datetime.timedelta(seconds=float(each)) for each in found]
    elif getattr(old.dtype, "tz", None) is not None:
        put = sys.modules["pandas"].to_datetime(found.to_list(), utc=True).tz_convert(old.dtype.tz)
    else:
        put = found.to_list()
    column = old.copy()
    if str(old.dtype) == "category":
        # words that were numbers are texts here
        by_text = {str(each): each for each in old.cat.categories}
        put = [by_text.get(each, each) for each in put]
    elif old.dtype == np.dtype(object):
        by_text = {str(each): each for each in old if not _missing(each)}
        put = [by_text.get(each, each) if isinstance(each, str) else each for each in put]
    column.iloc[np.flatnonzero(where)] = put
    result.isetitem(at, column)
    return result
