import resource
import sys

import numpy as np
import polars as pl
import pytest

from thalweg.core import InputError, NotWrittenError
from thalweg.data.table_files import TableWriter, open_table, sinks


@pytest.fixture
def table():
    random = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "x": random.normal(size=1000),
            "w": [None, "a,b", 'say "so"', "two\nlines"] * 250,
            "n": random.integers(0, 9, 1000),
        }
    )


def written(table, path, rows=130):
    with TableWriter(path) as writer:
        for part in table.iter_slices(rows):
            writer.append(part)


@pytest.mark.parametrize("part_rows", [100, 400, 5000])
def test_what_is_written_in_batches_is_the_whole(table, tmp_path, part_rows, monkeypatch):
    monkeypatch.setattr(sinks, "PART_ROWS", part_rows)
    written(table, tmp_path / "t.parquet")
    assert pl.read_parquet(tmp_path / "t.parquet").equals(table)
    written(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == table.write_csv()
    numbers = table.select("x", "n")
    written(numbers, tmp_path / "t.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "t.npy"), numbers.to_numpy())
    written(numbers.select("n"), tmp_path / "n.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "n.npy"), numbers["n"].to_numpy())
    assert {path.name for path in tmp_path.iterdir()} == {"t.parquet", "t.csv", "t.npy", "n.npy"}


def test_a_gap_in_a_column_alone_is_read_back(tmp_path):
    table = pl.DataFrame({"x": ["1", None, "2"]})
    written(table, tmp_path / "t.csv")
    assert open_table(tmp_path / "t.csv").read().equals(table)


@pytest.mark.parametrize("ending", ["csv", "parquet", "npy"])
def test_it_is_written_whole_or_not_at_all(tmp_path, ending, monkeypatch):
    monkeypatch.setattr(sinks, "PART_ROWS", 2)
    path = tmp_path / f"t.{ending}"
    path.write_text("old")
    frame = pl.DataFrame({"a": [1.0, 2.0, 3.0]})

    def stopped():
        with TableWriter(path) as writer:
            writer.append(frame)
            writer.append(frame)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("ending", ["csv", "parquet", "npy"])
@pytest.mark.parametrize("part_rows", [1000, 100_000])
def test_a_full_disk_is_named_once_and_leaves_the_old_table(
    tmp_path, ending, part_rows, monkeypatch
):
    monkeypatch.setattr(sinks, "PART_ROWS", part_rows)
    path = tmp_path / f"t.{ending}"
    path.write_text("old")
    table = pl.DataFrame({"a": np.random.default_rng(0).random(10_000)})
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(NotWrittenError, match=r"^\S+ could not be written \((?!/)"):
            written(table, path, 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"]


def test_other_columns_are_refused(tmp_path):
    first, other = pl.DataFrame({"a": [1]}), pl.DataFrame({"a": ["x"]})
    writer = TableWriter(tmp_path / "t.csv")
    with pytest.raises(RuntimeError, match="with statement"):
        writer.append(first)
    with writer:
        writer.append(first)
        with pytest.raises(InputError, match=r"columns a \(String\); expected .* a \(Int64"):
            writer.append(other)
    assert (tmp_path / "t.csv").read_text() == "a\n1\n"
    with TableWriter(tmp_path / "t.npy") as writer:
        writer.append(first)
    with (
        pytest.raises(InputError, match=r"column 'a' holds words, and \.npy takes numbers alone"),
        TableWriter(tmp_path / "t.npy") as writer,
    ):
        writer.append(other)
    assert np.load(tmp_path / "t.npy").tolist() == [1]


def test_devices_get_csv_and_other_endings_are_refused(tmp_path):
    written(pl.DataFrame({"a": [1.0]}), "/dev/null")
    with pytest.raises(InputError, match=r"ends in '\.doc'; expected \.csv, \.parquet or \.npy"):
        TableWriter(tmp_path / "t.doc")


def test_standard_output_that_is_closed_is_named(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(InputError, match="standard output cannot be written"):
        written(pl.DataFrame({"a": [1]}), None)
