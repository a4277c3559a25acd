import resource

import numpy as np
import pandas as pd
import polars as pl
import pytest

from thalweg.core import InputError, NotWrittenError
from thalweg.data import Rows
from thalweg.data.table_files.pandas_index import scan_parquet
from thalweg.data.tables import read_array, write_data


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_written_tables_read_back(tmp_path, ending):
    table = pl.DataFrame({"a": [1, 2, None], "b": ["x", None, "y"], "c": [True, False, True]})
    path = tmp_path / f"t{ending}"
    write_data(table, path)
    read = pl.read_csv if ending == ".csv" else pl.read_parquet
    assert read(path).equals(table)


def test_summary_has_the_moments_numpy_has(monkeypatch):
    monkeypatch.setattr(Rows, "chunk_bytes", 1000)
    y = np.random.default_rng(0).normal(size=(500, 4)) + 100
    y[np.random.default_rng(1).random(y.shape) < 0.3] = np.nan
    y[:, 0] = 1
    summary = Rows(y).summary()
    np.testing.assert_allclose(summary.mean, np.nanmean(y, axis=0))
    np.testing.assert_allclose(summary.variance, np.nanvar(y, axis=0), atol=1e-12)
    assert summary.hidden


def test_arrays_are_numbers_and_those_that_are_none_are_named(tmp_path):
    path = tmp_path / "a.npy"
    for values in (np.eye(2, dtype=np.float32), np.array([[1, 2]]), np.array([[True, False]])):
        np.save(path, values)
        read = read_array(path)
        assert read.dtype == (np.float32 if values.dtype == np.float32 else np.float64)
        np.testing.assert_array_equal(read, values)
    with pytest.raises(InputError, match=r"b\.npy: no such file"):
        read_array(tmp_path / "b.npy")
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.npy is empty"):
        read_array(path)
    path.write_bytes(b"no")
    with pytest.raises(InputError, match=r"a\.npy is not a readable \.npy file"):
        read_array(path)
    for values, message in [
        (np.array([["x"]]), "holds <U1 of shape"),
        (np.zeros(3), r"of shape \(3,\)"),
        (np.zeros((0, 2)), r"has shape \(0, 2\); expected at least one row"),
    ]:
        np.save(path, values)
        with pytest.raises(InputError, match=message):
            read_array(path)


def columns_of(path):
    return scan_parquet(path).collect_schema().names()


@pytest.mark.parametrize("name", [None, "id"])
@pytest.mark.parametrize("known", [True, False])
def test_the_index_of_a_pandas_frame_is_no_column(name, known, tmp_path, monkeypatch):
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}, index=pd.Index([7, 5], name=name))
    path = tmp_path / "a[1].parquet"
    frame.to_parquet(path)
    shown = name or "__index_level_0__"
    if not known:
        # as older versions of polars have it
        monkeypatch.delattr(pl, "read_parquet_metadata")
        if name:
            assert columns_of(path) == ["a", "b", name]
            return
    with pytest.warns(UserWarning, match=f"{shown} is the index of a pandas frame and was left"):
        assert columns_of(path) == ["a", "b"]


def test_an_index_that_only_counts_is_no_matter(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0], "__index_level_0__": [3.0, 4.0]})
    frame.to_parquet(tmp_path / "a.parquet")
    assert columns_of(tmp_path / "a.parquet") == ["a", "__index_level_0__"]


def test_words_are_no_array(tmp_path):
    table = pl.DataFrame({"a": [1.0, None], "b": ["x", "y"]})
    with pytest.raises(InputError, match=r"column 'b' holds words.* ends in \.csv or \.parquet"):
        write_data(table, tmp_path / "t.npy")
    assert not list(tmp_path.iterdir())
    write_data(table.with_columns(b=pl.Series([True, False])), tmp_path / "t.npy")
    np.testing.assert_array_equal(
        np.load(tmp_path / "t.npy", allow_pickle=False), [[1, 1], [np.nan, 0]]
    )


@pytest.mark.parametrize("ending", ["csv", "parquet", "npy"])
def test_a_full_disk_is_named_once_and_leaves_the_old_table(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    path.write_text("old")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(NotWrittenError, match=r"^\S+ could not be written \((?!/)"):
            write_data(pl.DataFrame({"a": np.random.default_rng(0).random(10_000)}), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"]


def test_a_device_gets_csv(tmp_path):
    write_data(pl.DataFrame({"a": [1.0]}), "/dev/null")
    with pytest.raises(InputError, match="ends in ''"):
        write_data(pl.DataFrame({"a": [1.0]}), tmp_path / "none")
