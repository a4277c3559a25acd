"""The columns of a model's table: saved, read again, matched by name."""

import copy
import datetime
import json

import numpy as np
import polars as pl
import pytest

from thalweg.core import InputError
from thalweg.data.columns import BadCells, Schema, Table

FRAME = pl.DataFrame(
    {
        "id": [f"A{i}" for i in range(8)],
        "size": ["1,5", "2,5", "3,5", "4,5"] * 2,
        "kind": ["a", "b", "c", "a"] * 2,
        "ok": ["yes", "no"] * 4,
        "when": [datetime.datetime(2020, 1 + i, 3, i) for i in range(8)],
        "same": [3] * 8,
        "none": [None] * 8,
        "list": [[1]] * 8,
        "note": [f"this is the {i}th of all the notes" for i in range(8)],
    }
)
SCHEMA = Table(FRAME).schema()
SAVED = SCHEMA.to_json()


def test_a_schema_of_every_kind_is_saved_and_read_again():
    again = Schema.from_json(json.loads(json.dumps(SAVED)))
    assert again.columns == SCHEMA.columns
    assert [column.kind for column in again.columns] == [
        "identifier", "number", "category", "truth value", "date or time", "constant", "empty",
        "nested", "free text",
    ]  # fmt: skip
    rows = SCHEMA.encode(FRAME, BadCells())
    np.testing.assert_array_equal(again.encode(FRAME, BadCells()), rows)
    assert again.decode(rows).equals(SCHEMA.decode(rows))


def test_entries_layout_and_shares():
    assert SCHEMA.entries[:5] == ["size", "kind=a", "kind=b", "kind=c", "kind=(never seen)"]
    assert SCHEMA.layout.words == ((1, 5), (5, 7), (12, 14))
    assert SCHEMA.places("when") == range(7, 12)
    assert SCHEMA.places("id") == range(0, 0)
    assert SCHEMA.places("x") is None
    # a date of two cycles counts as one column
    assert SCHEMA.shares[7:12].tolist() == [3] * 5
    assert SCHEMA.circles.tolist() == [False] * 8 + [True] * 4 + [False] * 2
    assert SCHEMA.counted() == (
        "1 number, 1 category, 1 truth value, 1 date or time, 1 constant, 1 identifier, "
        "1 free text, 1 empty, 1 nested"
    )


def damaged(at, **parts):
    value = copy.deepcopy(SAVED)
    value["columns"][at].update(parts)
    return value


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        {},
        {"columns": 3},
        {"columns": [], "more": 1},
        {"columns": ["x"]},
        {"columns": [{"kind": "wave", "name": "x"}]},
        {"columns": [{"kind": "number"}]},
        {"columns": SAVED["columns"][:1] * 2},
        damaged(0, name=3),
        damaged(1, whole=1),
        damaged(1, style=[".", ""]),
        damaged(1, style=[".", "", "", 3]),
        damaged(1, style=["." * 99, "", "", ""]),
        damaged(2, words=[]),
        damaged(2, words=["a", "a", "b"]),
        damaged(2, words=["a", 1, "b"]),
        damaged(2, seen=[1]),
        damaged(2, seen=[1, 2, -3]),
        damaged(2, seen=[1, 2, 3, 4, 5]),
        damaged(2, seen=[1, 2, 0.5]),
        damaged(2, seen=[1, 2, True]),
        damaged(2, rare=["d"]),
        damaged(2, seen=[1, 2, 3, 4], rare=["a"]),
        damaged(2, typed="yes"),
        damaged(4, holds="age"),
        damaged(4, cycles=["moon"]),
        damaged(4, form=3),
        damaged(4, form="%Y" * 99),
        damaged(4, holds="time", cycles=[]),
        [["x"]],
        [["x", "y"]],
        [["x", ["a", "a"]]],
        [[3, None]],
    ],
)
def test_a_damaged_schema_is_refused_in_words(value):
    with pytest.raises(InputError, match=r"column|table"):
        Schema.from_json(value)


@pytest.mark.parametrize(
    "value",
    [damaged(3, words=["a", "b", "c"], seen=[1, 2, 3]), damaged(3, words=["a", "b"], seen=[1, 2])],
)
def test_truth_values_that_are_none_are_refused(value):
    with pytest.raises(InputError, match="truth"):
        Schema.from_json(value)


def test_tables_of_version_1_are_still_read():
    schema = Schema.from_json([["x", None], ["kind", ["a", "b"]], ["none", []]])
    assert [column.kind for column in schema.columns] == ["number", "one-hot", "empty"]
    assert not schema.has_energies
    bad = BadCells()
    rows = schema.encode(pl.DataFrame({"x": [1.0, None, 2.0], "kind": ["b", None, "new"]}), bad)
    np.testing.assert_array_equal(rows, [[1, 0, 1], [np.nan] * 3, [2, np.nan, np.nan]])
    assert [str(cell) for cell in bad.first] == [
        "row 2, column 'kind' is 'new'; expected a word of training"
    ]


def test_columns_are_matched_by_name():
    shuffled = FRAME.select(sorted(FRAME.columns)).with_columns(pl.lit(1).alias("more"))
    np.testing.assert_array_equal(
        SCHEMA.encode(shuffled, BadCells()), SCHEMA.encode(FRAME, BadCells())
    )
    assert SCHEMA.match(shuffled.columns, "f.csv") == [
        "f.csv: 'more' was no column of training and is left out"
    ]
    fewer = FRAME.drop("size", "note")
    assert SCHEMA.match(fewer.columns, "f.csv") == [
        "f.csv: no column 'size', taken as missing in every row"
    ]
    assert np.isnan(SCHEMA.encode(fewer, BadCells())[:, 0]).all()
    with pytest.raises(InputError, match=r"columns are 'id'; expected those of training: 'size'"):
        SCHEMA.match(["id"], "f.csv")


def test_single_precision_stays_where_it_holds_all():
    frame = pl.DataFrame(
        {"x": [1.5, 2.5], "y": [0.1, 0.2]}, schema={"x": pl.Float32, "y": pl.Float32}
    )
    schema = Table(frame).schema()
    assert schema.encode(frame, BadCells()).dtype == np.float32
    double = frame.with_columns(pl.col("y").cast(pl.Float64))
    assert Table(double).schema().encode(double, BadCells()).dtype == np.float64
