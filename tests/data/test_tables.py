import os
import resource

import numpy as np
import pandas as pd
import polars as pl
import pytest

from thalweg.core import InputError, NotWrittenError
from thalweg.data import Rows, spool
from thalweg.data.tables import Encoding, read_data, write_data


@pytest.fixture
def table():
    return pl.DataFrame({"a": [1, 2, None], "b": ["x", None, "y"], "c": [True, False, True]})


def test_encoding_and_back(table):
    encoding = Encoding.of(table, "t")
    assert encoding.names == ["a", "b=x", "b=y", "c=false", "c=true"]
    rows = encoding.encode(table, "t")
    expected = [[1, 1, 0, 0, 1], [2, np.nan, np.nan, 1, 0], [np.nan, 0, 1, 0, 1]]
    np.testing.assert_array_equal(rows, expected)
    back = encoding.decode(np.nan_to_num(rows))
    assert back["b"].to_list() == ["x", "x", "y"]
    assert Encoding.from_json(encoding.to_json()) == encoding


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_written_tables_read_back(table, tmp_path, ending):
    path = tmp_path / f"t{ending}"
    write_data(table, path)
    assert read_data(path).equals(table)


def test_spooled_parquet_is_the_table(tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    table = pl.DataFrame({"a": random.normal(size=1000), "b": random.choice(["u", "v"], 1000)})
    path = tmp_path / "t.parquet"
    table.write_parquet(path)
    assert not spool.is_large(path)
    monkeypatch.setattr(spool, "SPOOL_FROM_BYTES", 1000)
    monkeypatch.setattr(spool, "SLICE_ROWS", 300)
    assert spool.is_large(path)
    rows, encoding = spool.spool(path)
    np.testing.assert_array_equal(rows, encoding.encode(table, "t"))
    assert Rows(rows).on_disk


def test_summary_has_the_moments_numpy_has(monkeypatch):
    monkeypatch.setattr(Rows, "chunk_bytes", 1000)
    y = np.random.default_rng(0).normal(size=(500, 4)) + 100
    y[np.random.default_rng(1).random(y.shape) < 0.3] = np.nan
    y[:, 0] = 1
    summary = Rows(y).summary()
    np.testing.assert_allclose(summary.mean, np.nanmean(y, axis=0))
    np.testing.assert_allclose(summary.variance, np.nanvar(y, axis=0), atol=1e-12)
    assert summary.hidden


def test_files_that_are_not_data_are_named(tmp_path):
    for name, content in [("a.npy", b"no"), ("a.parquet", b"no"), ("a.csv", b"\xff\xfe\x00")]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name.replace(".", r"\.")):
            read_data(tmp_path / name)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match=r"expected \.csv, \.parquet or \.npy"):
        read_data(tmp_path / "a.txt")


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
            assert read_data(path).columns == ["a", "b", name]
            return
    with pytest.warns(UserWarning, match=f"{shown} is the index of a pandas frame and was left"):
        assert read_data(path).columns == ["a", "b"]
    with pytest.warns(UserWarning, match="left out"):
        assert [column.name for column in spool.spool(path)[1].columns] == ["a", "b"]


def test_an_index_that_only_counts_is_no_matter(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0], "__index_level_0__": [3.0, 4.0]})
    frame.to_parquet(tmp_path / "a.parquet")
    assert read_data(tmp_path / "a.parquet").columns == ["a", "__index_level_0__"]


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


def test_a_file_whose_name_is_no_text_is_refused_in_words(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"a\xff.csv")
    with open(path, "w") as file:
        file.write("a\n1\n")
    with pytest.raises(InputError, match="its name is not UTF-8"):
        read_data(os.fsdecode(path))
