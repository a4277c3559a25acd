"""Texts from whatever holds them, and what is said of those that cannot be read."""

import gzip
import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from thalweg.core import InputError
from thalweg.data import TextFiles, as_texts

LINES = ["one line", "", "naïve café", "  spaces stay  "]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "given", [LINES, tuple(LINES), np.array(LINES), pl.Series(LINES), iter(LINES)]
)
def test_texts_in_memory_are_gone_through_again_and_again(given):
    texts = as_texts(given)
    assert list(texts) == list(texts) == LINES


def test_a_file_has_a_text_a_line(folder):
    texts = as_texts(folder / "a.txt")
    assert list(texts) == list(texts) == LINES


def test_windows_line_ends_and_the_mark_of_utf8_are_no_part_of_a_text(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbffirst\r\nsecond")
    assert list(TextFiles(tmp_path / "a.txt")) == ["first", "second"]


def test_paragraphs_are_joined(tmp_path):
    (tmp_path / "a.txt").write_text("\nFirst goes\non.\n\n\nSecond.\n")
    assert list(TextFiles(tmp_path / "a.txt", unit="paragraph")) == ["First goes on.", "Second."]


def test_a_folder_gives_all_its_files_in_order(folder):
    (folder / "z.md").write_text("last")
    (folder / "picture.png").write_bytes(b"\0\1")
    inner = folder / "b"
    inner.mkdir()
    with gzip.open(inner / "zipped.txt.gz", "wt") as file:
        file.write("zipped\n")
    pl.DataFrame({"text": ["in a table", None], "n": [1, 2]}).write_parquet(inner / "t.parquet")
    assert list(TextFiles(folder)) == [*LINES, "in a table", "", "zipped", "last"]


def test_long_tables_are_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("thalweg.data.texts.SLICE_ROWS", 3)
    texts = [str(i) for i in range(10)]
    pl.DataFrame({"text": texts}).write_parquet(tmp_path / "t.parquet", row_group_size=4)
    assert list(TextFiles(tmp_path / "t.parquet")) == texts


def test_gzip_is_known_by_its_content(tmp_path):
    (tmp_path / "a.txt").write_bytes(gzip.compress(b"zipped"))
    assert list(TextFiles(tmp_path / "a.txt")) == ["zipped"]


def test_standard_input_can_be_gone_through_twice(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from\nthere\n")))
    texts = TextFiles("-")
    assert list(texts) == list(texts) == ["from", "there"]


def test_files_are_read_piece_by_piece(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"good\n" * 100_000 + b"\xff bad\n")
    found = iter(TextFiles(tmp_path / "a.txt"))
    assert [next(found) for _ in range(3)] == ["good"] * 3
    with pytest.raises(InputError, match="line 100001"):
        list(found)


def _latin(path: Path) -> Path:
    path.write_bytes("fine\ncafé\n".encode("latin-1"))
    return path


def _binary(path: Path) -> Path:
    path.write_bytes(b"text\nPK\x00\x03\n")
    return path


def _cut(path: Path) -> Path:
    path.write_bytes(gzip.compress(bytes(range(65, 90)) * 1000)[:40])
    return path


def _parquet(path: Path) -> Path:
    pl.DataFrame({"a": ["x"], "b": ["y"]}).write_parquet(path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


def _broken_parquet(path: Path) -> Path:
    path.with_suffix(".parquet").write_bytes(b"PAR1 no more")
    return path.with_suffix(".parquet")


def _empty_folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_latin, "line 2: byte 0xe9 at position 3 is not UTF-8"),
        (_binary, "line 2: a zero byte"),
        (_cut, "damaged or cut gzip"),
        (_parquet, "none is called 'text'"),
        (_broken_parquet, "not a readable Parquet file"),
        (_empty_folder, "no texts in this folder"),
        (lambda path: path, "no such file or folder"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, make, said):
    path = make(tmp_path / "given.txt")
    with pytest.raises(InputError, match=said) as caught:
        list(TextFiles(path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("a text or a path", "got one str"),
        (["fine", 3], "number 1 is of type int"),
        (3, "got int"),
        ({"a": "text"}, "got dict"),
    ],
)
def test_what_is_no_texts_is_said(given, said):
    with pytest.raises(InputError, match=said):
        as_texts(given)


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("thalweg.data.texts.LONGEST_LINE", 2**20)
    (tmp_path / "a.txt").write_bytes(b"short\n" + b"x" * (2**20 + 1))
    with pytest.raises(InputError, match="line 2: more than 1 MiB without an end of line"):
        list(TextFiles(tmp_path / "a.txt"))
    (tmp_path / "b.txt").write_bytes(b"x" * 2**20)
    assert [len(text) for text in TextFiles(tmp_path / "b.txt")] == [2**20]


TWO = ["a b", "c"]


@pytest.mark.parametrize(
    "given",
    [np.array(TWO), np.array(TWO, object), iter(TWO), pd.Series(TWO, index=[5, 3]),
     pd.Series(TWO, dtype="category"), pd.Index(TWO), pl.Series(TWO), dict.fromkeys(TWO).keys()],
)  # fmt: skip
def test_columns_of_texts_are_texts(given):
    assert list(as_texts(given)) == TWO


@pytest.mark.parametrize(
    "given",
    [["a", None], ["a", float("nan")], pd.Series(["a", None]), pl.Series(["a", None]),
     pd.Series(["a", pd.NA], dtype="string"), np.ma.array(TWO, mask=[0, 1])],
)  # fmt: skip
def test_a_missing_text_is_named(given):
    with pytest.raises(InputError, match="number 1 is missing; expected a str"):
        as_texts(given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (pd.DataFrame({"my text": TWO, "label": TWO}), r"2 columns, \['my text', 'label'\]; .*one"),
        (
            pl.DataFrame({"text": TWO}),
            r"data frame with 1 columns, \['text'\]; expected one column",
        ),
        (pl.LazyFrame({"text": TWO}), "got LazyFrame"),
        ({"a": 1}, "got dict"),
        (set(TWO), "got set"),
        (b"abc", "got bytes"),
        (io.StringIO("a"), "got StringIO"),
        (np.array("a"), "got ndarray"),
        (np.array([TWO]), "number 0 is of type ndarray"),
        ([TWO], "number 0 is of type list"),
    ],
)
def test_tables_and_what_has_no_order_are_no_texts(given, said):
    with pytest.raises(InputError, match=said):
        as_texts(given)


def test_the_index_of_a_pandas_frame_is_no_text(tmp_path):
    pd.DataFrame({"review": TWO}, index=pd.Index(["x", "y"], name="id")).to_parquet(
        tmp_path / "a.parquet"
    )
    with pytest.warns(UserWarning, match="id is the index of a pandas frame"):
        assert list(TextFiles(tmp_path / "a.parquet")) == TWO
