import datetime as dt
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from thalweg.core import InputError
from thalweg.data.table_files import ParquetFile, open_table, parquet_file


@pytest.fixture
def path(tmp_path):
    return tmp_path / "t.parquet"


def test_columns_keep_their_kinds_and_nested_ones_are_left_out(path):
    day = dt.datetime(2020, 1, 2, 3)
    columns = {
        "x": pa.array([1, None], pa.int16()), " y ": pa.array([0.5, 1.5], pa.float32()),
        "w": pa.array(["a", "b"]).dictionary_encode(),
        "d": pa.array([decimal.Decimal("1.25"), None]), "ok": pa.array([True, None]),
        "at": pa.array([day, None]), "day": pa.array([day.date()] * 2),
        "time": pa.array([day.time()] * 2), "none": pa.nulls(2), "long": pa.array([[1], []]),
        "bytes": pa.array([b"a", b"b"]), "pair": pa.array([{"a": 1}, None]),
    }  # fmt: skip
    pq.write_table(pa.table(columns), path)
    found = open_table(path)
    assert isinstance(found, ParquetFile)
    assert found.names == ["x", "y", "w", "d", "ok", "at", "day", "time", "none"]
    assert (
        "columns of lists, structures or bytes were left out: 'long', 'bytes', 'pair'"
        in found.notes
    )
    whole = found.read()
    assert [kind.base_type() for kind in whole.dtypes] == [
        pl.Int16, pl.Float32, pl.String, pl.Float64, pl.Boolean, pl.Datetime, pl.Date,
        pl.Time, pl.Null,
    ]  # fmt: skip
    assert whole.row(0) == (1, 0.5, "a", 1.25, True, day, day.date(), day.time(), None)
    assert found.n_rows == 2
    assert found.size_bytes == path.stat().st_size


@pytest.mark.parametrize("group", [7, 1000])
def test_batches_are_the_rows_in_order(path, group, monkeypatch):
    monkeypatch.setattr(parquet_file, "SLICE_BYTES", 8 * 2 * 90)
    random = np.random.default_rng(0)
    table = pl.DataFrame({"n": np.arange(1000), "w": random.choice(["u", "v"], 1000)})
    table.write_parquet(path, row_group_size=group)
    found = open_table(path)
    batches = list(found.batches(300))
    assert [batch.height for batch in batches] == [300, 300, 300, 100]
    assert pl.concat(batches).equals(table)
    assert found.read().equals(table)


@pytest.mark.parametrize("name", ["t.parquet", "t.pq", "t.csv"])
def test_a_parquet_file_is_one_by_what_it_begins_with(tmp_path, name):
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / name)
    assert isinstance(open_table(tmp_path / name), ParquetFile)


def test_the_index_of_a_pandas_frame_is_left_out(path):
    pd.DataFrame({"a": [1.0, 2.0]}, index=pd.Index([7, 5])).to_parquet(path)
    with pytest.warns(UserWarning, match="__index_level_0__.* is the index of a pandas frame"):
        found = open_table(path)
    assert found.names == ["a"]
    assert found.notes == ["the index of a pandas frame was left out: '__index_level_0__'"]
    assert found.read().columns == ["a"]


def test_what_cannot_be_read_is_named(path):
    pl.DataFrame({"a": [[1]]}).write_parquet(path)
    with pytest.raises(InputError, match=r"nested columns alone \('a'\); expected one"):
        open_table(path)
    pl.DataFrame({"a": []}).write_parquet(path)
    with pytest.raises(InputError, match="has no rows; expected at least one"):
        open_table(path)
    table = pl.DataFrame({"a": np.random.default_rng(0).random(10_000)})
    table.write_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:4000])
    with pytest.raises(InputError, match="is not a readable Parquet file"):
        open_table(path)
