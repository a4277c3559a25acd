"""Frames of every library: missing cells filled in their types, visible ones left alone."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from thalweg.core import InputError
from thalweg.data.columns import Table
from thalweg.data.columns.filling import filled, replaced
from thalweg.data.columns.frames import holds_numbers_alone, raw_columns

COMPACT = [20210101, 20210202, None, 20210404, 20210505, 20210606]
DAYS = [datetime.datetime(2021, 1, 1 + i, 10, i) for i in range(6)]

SOME = [None if i == 2 else day for i, day in enumerate(DAYS)]


def fill(frame):
    """Filled from rows in which every missing entry is that of row 1, which has none."""
    raw = raw_columns("X", frame)
    table = Table(frame)
    schema = table.schema()
    rows, said = table.encoded(schema)
    assert said == []
    hidden = np.isnan(rows)
    return filled(frame, raw, schema, np.where(hidden, rows[1], rows), hidden)


PANDAS = {
    "float": pd.Series([1.5, 2.5, np.nan, 0.1 + 0.2, -0.0, 1e300]),
    "float32": pd.Series([1.5, 2.5, np.nan, 0.1, 5, 6], dtype="float32"),
    "Float64": pd.Series([1.5, 2.5, None, 0.1, 5, 6], dtype="Float64"),
    "Int64": pd.Series([1, 2, None, 4, 5, 7], dtype="Int64"),
    "Int8": pd.Series([1, 2, None, 4, 5, 7], dtype="Int8"),
    "boolean": pd.Series([True, False, None, True, True, False], dtype="boolean"),
    "object bools": pd.Series([True, False, None, True, True, False], dtype=object),
    "object numbers": pd.Series([1, 2.5, None, 4, 5, 6], dtype=object),
    "decimals": pd.Series([Decimal("1.50"), Decimal("2.50"), None, *map(Decimal, "456")]),
    "category": pd.Series(["a", "b", None, "b", "a", "a"], dtype="category"),
    "category of numbers": pd.Series(pd.Categorical([1, 2, None, 2, 1, 1])),
    "object": pd.Series(["a", "b", None, "b", " a", "a"], dtype=object),
    "object, markers": pd.Series(["a", "b", "n/a", "b", " a", "a"], dtype=object),
    "string": pd.Series(["a", "b", None, "b", "a", "a"], dtype="string"),
    "words and numbers": pd.Series(["a", 2, None, 2, "a", "a"], dtype=object),
    "numbers as texts": pd.Series(["1.50", "2.5", None, "4.000", "5", "6"], dtype=object),
    "dates as texts": pd.Series([f"0{i}.02.2021" if i != 3 else None for i in range(1, 7)]),
    "datetime": pd.Series(DAYS).where(np.arange(6) != 2),
    "datetime in s": pd.Series(DAYS).where(np.arange(6) != 2).astype("datetime64[s]"),
    "datetime, zone": pd.Series(DAYS).where(np.arange(6) != 2).dt.tz_localize("Europe/Berlin"),
    "object dates": pd.Series([None if i == 2 else d.date() for i, d in enumerate(DAYS)]),
    "timedelta": pd.to_timedelta(pd.Series([1.0, 2, None, 4.5, 5, 6]), unit="s"),
    "constant": pd.Series(["x", "x", None, "x", "x", "x"], dtype=object),
    "constant number": pd.Series([3.0, 3.0, None, 3.0, 3.0, 3.0]),
    "constant Int64": pd.Series([3, 3, None, 3, 3, 3], dtype="Int64"),
    "constant datetime": pd.Series([DAYS[0], DAYS[0], None, DAYS[0], DAYS[0], DAYS[0]]),
    "constant truth": pd.Series([True, True, None, True, True, True], dtype="boolean"),
    "arrow int": pd.Series([1, 2, None, 4, 5, 7], dtype="int64[pyarrow]"),
    "arrow string": pd.Series(["a", "b", None, "b", "a", "a"], dtype="string[pyarrow]"),
    "arrow time": pd.Series(DAYS).where(np.arange(6) != 2).astype("timestamp[us][pyarrow]"),
    "compact days": pd.Series(COMPACT, dtype="Int64"),
}  # fmt: skip
OTHER = [0.5, 1.5, 0.1, 7.25, 3.125, 9.5]
SAME = {"object numbers": 2.5, "words and numbers": 2}


def same(left, right):
    """Bit for bit, and of one type."""
    if isinstance(left, float):
        return isinstance(right, float) and left.hex() == right.hex()
    return type(left) is type(right) and left == right


@pytest.mark.parametrize("name", PANDAS)
def test_pandas_columns_keep_their_type_and_what_is_visible(name):
    frame = pd.DataFrame({"y": OTHER, "x": PANDAS[name]}, index=list("uvwxyz"))
    frame["x"] = PANDAS[name].array
    before = frame.copy()
    result = fill(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert result.dtypes.tolist() == frame.dtypes.tolist()
    assert result.index.equals(frame.index)
    for row in (0, 1, 3, 4, 5):
        assert same(result["x"].iloc[row], frame["x"].iloc[row])
    if name == "decimals":
        # a number stands for one
        assert result["x"].iloc[2] == 2.5
    elif name == "numbers as texts":
        assert result["x"].iloc[2] == "2.5"
    else:
        assert same(result["x"].iloc[2], frame["x"].iloc[1])


POLARS = {
    "float": pl.Series([1.5, 2.5, None, 0.1, 5, 6]),
    "nan": pl.Series([1.5, 2.5, float("nan"), 0.1, 5, 6]),
    "int": pl.Series([1, 2, None, 4, 5, 7], dtype=pl.Int16),
    "unsigned": pl.Series([1, 2, None, 4, 5, 7], dtype=pl.UInt8),
    "decimal": pl.Series([1, 2, None, 4, 5, 7]).cast(pl.Decimal(10, 2)),
    "bool": pl.Series([True, False, None, True, True, False]),
    "string": pl.Series(["a", "b", None, "b", " a", "a"]),
    "categorical": pl.Series(["a", "b", None, "b", "a", "a"], dtype=pl.Categorical),
    "enum": pl.Series(["a", "b", None, "b", "a", "a"], dtype=pl.Enum(["a", "b", "c"])),
    "date": pl.Series([None if i == 2 else d.date() for i, d in enumerate(DAYS)]),
    "datetime": pl.Series(SOME, dtype=pl.Datetime("ms")),
    "zone": pl.Series(SOME).dt.replace_time_zone("Asia/Tokyo"),
    "time": pl.Series([None if i == 2 else d.time() for i, d in enumerate(DAYS)]),
    "duration": pl.Series([None if i == 2 else datetime.timedelta(seconds=i) for i in range(6)]),
    "constant": pl.Series([3, 3, None, 3, 3, 3]),
    "constant date": pl.Series([None if i == 2 else DAYS[0].date() for i in range(6)]),
    "constant moment": pl.Series([DAYS[0], DAYS[0], None, *DAYS[:1] * 3], dtype=pl.Datetime("ms")),
    "constant truth": pl.Series([None if i == 2 else True for i in range(6)]),
    "constant text": pl.Series(["7.50", "7.50", None, "7.50", "7.50", "7.50"]),
    "compact days": pl.Series(COMPACT),
}  # fmt: skip


@pytest.mark.parametrize("name", POLARS)
def test_polars_columns_keep_their_type_and_what_is_visible(name):
    frame = pl.DataFrame({"y": OTHER, "x": POLARS[name]})
    result = fill(frame)
    assert result.schema == frame.schema
    assert result["y"].equals(frame["y"])
    others = [0, 1, 3, 4, 5]
    assert result["x"][others].equals(frame["x"][others])
    assert result["x"][2] == frame["x"][1]


@pytest.mark.parametrize("name", [name for name in POLARS if name != "enum"])
def test_tables_of_arrow_are_filled_as_polars_has_them(name):
    arrow = pl.DataFrame({"y": OTHER, "x": POLARS[name]}).to_arrow()
    assert isinstance(arrow, pa.Table)
    schema = Table(arrow).schema()
    assert schema.to_json() == Table(pl.from_arrow(arrow)).schema().to_json()
    rows, _ = Table(arrow).encoded(schema)
    np.testing.assert_array_equal(rows, Table(pl.from_arrow(arrow)).encoded(schema)[0])


def test_a_bad_cell_is_filled_too():
    frame = pl.DataFrame({"x": [f"{i}.5" for i in range(30)] + ["oops"], "y": range(31)})
    schema = Table(frame).schema()
    encoded, _ = Table(frame).encoded(schema)
    rows, hidden = np.nan_to_num(encoded, nan=2.5), np.isnan(encoded)
    assert filled(frame, frame, schema, rows, hidden)["x"].to_list() == [*frame["x"][:30], "2.5"]


@pytest.mark.parametrize("kind", [pl.DataFrame, pd.DataFrame])
def test_a_column_that_is_not_there_is_added(kind):
    given = {"x": OTHER, "kind": ["a", "b"] * 3}
    schema = Table(kind(given)).schema()
    rows, _ = Table(kind(given)).encoded(schema)
    fewer = kind({"x": OTHER})
    hidden = np.isnan(Table(fewer).encoded(schema)[0])
    result = filled(fewer, raw_columns("X", fewer), schema, rows, hidden)
    assert list(result.columns) == ["x", "kind"]
    assert list(result["kind"]) == given["kind"]


@pytest.mark.parametrize("kind", [pl.DataFrame, pd.DataFrame])
def test_all_columns_that_take_part_are_replaced_in_their_types(kind):
    given = {"id": list("uvwxyz"), "n": ["1", "2", "3", "5", "", "9"], "ok": ["yes", "no"] * 3}
    given["kind"] = ["a", "b", "a", "b", "b", "a"]
    frame = kind(given)
    schema = Table(frame).schema()
    rows, _ = Table(frame).encoded(schema)
    rows = np.nan_to_num(rows, nan=4.0)
    result = replaced(frame, raw_columns("X", frame), schema, rows[::-1])
    assert list(result["id"]) == given["id"]
    assert list(result["n"]) == ["9", "4", "5", "3", "2", "1"]
    assert list(result["ok"]) == given["ok"][::-1]
    assert list(result["kind"]) == given["kind"][::-1]


@pytest.mark.parametrize(
    ("frame", "alone"),
    [
        (pd.DataFrame({"x": [1.0], "y": [2]}), True),
        (pd.DataFrame({"x": pd.Series([1, None], dtype="Int64")}), True),
        (pd.DataFrame({"x": pd.Series([1, None, True], dtype=object)}), True),
        (pd.DataFrame({"x": ["a"]}), False),
        (pd.DataFrame({"x": pd.Series([1, 2], dtype="category")}), False),
        (pd.DataFrame({"x": pd.to_datetime(["2020-01-01"])}), False),
        (pl.DataFrame({"x": [1.0], "y": [True]}), True),
        (pl.DataFrame({"x": ["1"]}), False),
        (pa.table({"x": [1.0]}), True),
        (pa.table({"x": ["a"]}), False),
    ],
)
def test_what_holds_numbers_alone(frame, alone):
    assert holds_numbers_alone(frame) == alone


def test_what_is_no_frame_and_names_that_come_twice_are_refused():
    with pytest.raises(InputError, match="expected a data frame"):
        Table(np.ones((2, 2)))
    with pytest.raises(InputError, match="two columns are called 'x'"):
        Table(pd.DataFrame([[1, 2]], columns=["x", "x"]))
    for wrong in ({"bad_cells": "drop"}, {"decimal": ";"}):
        with pytest.raises(InputError, match="must be"):
            Table(pd.DataFrame({"x": [1]}), **wrong)
