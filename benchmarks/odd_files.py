"""Bad and odd inputs for the command line: tables, arrays, images, texts, folders, models, names.

``make(folder, seed)`` writes all of them into a folder.
"""

from __future__ import annotations

import gzip
import io
import os
import socket
import struct
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image
from safetensors.numpy import save as safetensors_of

GOOD = b"a,b,c\n1,2,red\n3,4,blue\n1.5,2.5,red\n9,9,blue\n8,9,blue\n7,1,red\n"


ELSEWHERE = ("", ".", "-", "not_there.csv", "x" * 300, "a.csv/b.csv", "/dev/null", "/dev/zero",
             "/dev/full", "/dev/stdin", "/proc/self/mem")  # fmt: skip
"""Names of what is not in the folder, and odd to ask for."""


def make(folder: Path, seed: int = 0) -> None:
    """Write every input into a folder."""
    rng = np.random.default_rng(seed)
    for group in (csv_files, npy_files, other_arrays, parquet_files, image_files, text_files,
                  model_files):  # fmt: skip
        for name, content in group(rng):
            (folder / name).write_bytes(content)
    folders(folder, rng)
    special_files(folder)
    odd_names(folder)


def csv_files(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Tables of text."""
    wide = rng.normal(size=(6, 10_000)).astype(str)
    long = rng.normal(size=(3000, 3)).astype(str)
    texts = {
        "empty": b"",
        "newline": b"\n",
        "blank_lines": b"\n\n\n",
        "spaces": b"   \n   \n",
        "header": b"a,b,c",
        "header_line": b"a,b,c\n",
        "one_row": b"a,b,c\n1,2,red\n",
        "one_cell": b"a\n1\n",
        "one_column": b"a\n1\n2\n3\n4\n5\n6\n7\n8\n9\n",
        "two_rows": b"a,b,c\n1,2,red\n2,3,blue\n",
        "same_rows": b"a,b\n" + b"1,2\n" * 20,
        "ragged_short": GOOD + b"1,2\n",
        "ragged_long": GOOD + b"1,2,red,4\n",
        "quote_open": GOOD + b'1,2,"red\n',
        "quote_open_header": b'"a,b,c\n1,2,3\n',
        "quote_inside": GOOD + b'1,2,re"d\n',
        "quoted_newline": GOOD + b'1,2,"re\nd"\n',
        "nul": GOOD + b"1,2,re\0d\n",
        "all_nul": bytes(2000),
        "bom": b"\xef\xbb\xbf" + GOOD,
        "bom_alone": b"\xef\xbb\xbf",
        "utf16": GOOD.decode().encode("utf-16"),
        "utf32": GOOD.decode().encode("utf-32"),
        "latin1": GOOD + "1,2,grün\n".encode("latin-1"),
        "latin1_header": "ä,ö\n1,2\n2,3\n".encode("latin-1"),
        "crlf": GOOD.replace(b"\n", b"\r\n"),
        "cr": GOOD.replace(b"\n", b"\r"),
        "mixed_ends": GOOD + b"1,2,red\r\n3,3,blue\r",
        "no_end": GOOD[:-1],
        "gzip": gzip.compress(GOOD),
        "gzip_cut": gzip.compress(GOOD)[:20],
        "zip": _zip({"a.csv": GOOD}),
        "semicolons": GOOD.replace(b",", b";"),
        "tabs": GOOD.replace(b",", b"\t"),
        "comma_decimals": b"a;b\n1,5;2,5\n2,5;3,5\n",
        "comments": b"# made by hand\n" + GOOD,
        "long_line": b"a,b,c\n1,2," + b"r" * 3_000_000 + b"\n",
        "long_header": b"a" * 300_000 + b",b\n1,2\n2,3\n",
        "wide": _csv([f"c{j}" for j in range(10_000)], wide),
        "long": _csv(["a", "b", "c"], long),
        "same_names": b"a,a,b\n1,2,3\n2,3,4\n5,5,5\n",
        "empty_names": b",b,\n1,2,3\n2,3,4\n",
        "names_of_spaces": b" , b,  c\n1,2,3\n2,3,4\n",
        "numbers_as_names": b"1,2,3\n4,5,6\n7,8,9\n",
        "equals_in_name": b"c=red,c\n1,red\n2,blue\n",
        "control_in_name": b"a\x1b[31m,b\x07\n1,2\n3,4\n",
        "text": b"a,b\nred,up\nblue,down\nred,down\n",
        "text_unique": b"a,b\n" + b"".join(b"w%d,v%d\n" % (i, i) for i in range(3000)),
        "emoji": "a,b\n🙂,1\n🙃,2\n".encode(),
        "empty_cells": b"a,b,c\n,,\n,,\n",
        "empty_column": b"a,b,c\n1,,2\n2,,3\n4,,4\n",
        "only_nan": b"a,b\nnan,nan\nNaN,NA\n",
        "infinity": b"a,b\n1,inf\n2,3\n3,4\n",
        "minus_infinity": b"a,b\n1,-Infinity\n2,3\n3,4\n",
        "overflow": b"a,b\n1,1e400\n2,3\n3,4\n",
        "huge": b"a,b\n1,1e308\n2,-1e308\n3,1e308\n4,0\n",
        "huge_squares": b"a,b\n1,1e200\n2,-1e200\n3,1e190\n4,0\n",
        "fill_value": b"a,b\n1,1e20\n2,3\n3,4\n4,5\n",
        "tiny": b"a,b\n1e-320,1e-310\n2e-320,3e-310\n0,0\n",
        "far_row": b"a,b\n" + b"".join(b"%d,%d\n" % (i, -i) for i in range(20)) + b"1e15,-1e15\n",
        "epoch_ns": b"t,v\n" + b"".join(b"%d,1\n" % (10**18 + i * 10**15) for i in range(30)),
        "constant": b"a,b\n" + b"".join(b"3,%d\n" % i for i in range(20)),
        "all_zero": b"a,b\n" + b"0,0\n" * 20,
        "hex": b"a,b\n0x10,1\n0x11,2\n",
        "underscores": b"a,b\n1_000,1\n2_000,2\n",
        "signs": b"a,b\n+1,--1\n-2,2\n",
        "superscript": "a,b\n²,1\n³,2\n".encode(),
        "dates": b"a,b\n2020-01-01,1\n2020-01-02,2\n",
        "times": b"a,b\n2020-01-01T10:00:00Z,1\n2020-01-02T10:00:00Z,2\n",
        "booleans": b"a,b\ntrue,1\nfalse,2\ntrue,3\n",
        "huge_integers": b"a,b\n123456789012345678901234567890,1\n1,2\n3,3\n",
        "uint64": b"a,b\n18446744073709551615,1\n1,2\n5,6\n",
        "late_text": b"a,b\n" + b"1,2\n" * 2000 + b"x,2\n",
        "late_float": b"a,b\n" + b"1,2\n" * 2000 + b"1.5,2\n",
        "other_columns": b"x,y,z\n1,2,red\n3,4,blue\n",
        "other_order": b"b,a,c\n1,2,red\n3,4,blue\n",
        "other_category": GOOD + b"1,2,green\n",
        "text_for_number": GOOD + b"x,2,red\n",
        "hidden_row": GOOD + b",,\n",
        "png": _png(rng.integers(0, 255, (8, 8, 3))),
        "html": b"<!doctype html><html><body>404 not found</body></html>",
        "json": b'{"a": [1, 2, 3]}\n',
        "noise": rng.bytes(5000),
        "git_lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n",
    }
    yield from ((f"{name}.csv", content) for name, content in texts.items())
    yield "capital.CSV", GOOD
    yield "table.tsv", GOOD
    yield "table.xlsx", _zip({"xl/workbook.xml": b"<x/>"})
    yield "no_ending", GOOD
    yield ".csv", GOOD


def npy_files(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Arrays, and what only begins as one."""
    x = rng.normal(size=(12, 3))
    hidden = x.copy()
    hidden[2, 1] = np.nan
    arrays: dict[str, Any] = {
        "good": x, "hidden": hidden, "no_rows": x[:0], "no_columns": x[:, :0], "nothing": x[:0, :0],
        "scalar": np.float64(3), "vector": x[0], "one_row": x[:1], "one_column": x[:, :1],
        "cube": rng.normal(size=(4, 8, 8)), "five": rng.normal(size=(2, 3, 8, 8, 3)),
        "bytes": rng.integers(0, 255, (9, 8, 8)).astype(np.uint8),
        "many_axes": np.zeros((1,) * 30), "half": x.astype(np.float16), "single": x.astype("f4"),
        "long_double": x.astype(np.longdouble), "big_endian": x.astype(">f8"),
        "fortran": np.asfortranarray(x), "integers": np.arange(12).reshape(4, 3),
        "int8": np.arange(12, dtype=np.int8).reshape(4, 3),
        "uint64": np.full((4, 3), 2**64 - 1, np.uint64), "booleans": x > 0,
        "complex": x + 1j, "words": np.array([["a", "b"], ["c", "d"]]),
        "bytes_words": np.array([[b"a", b"b"]]),
        "objects": np.array([[1, "a"], [None, 2]], dtype=object),
        "dates": np.array([["2020-01-01", "2020-01-02"]], "datetime64[D]"),
        "spans": np.array([[1, 2]], "timedelta64[s]"),
        "fields": np.array([(1, 2.0), (3, 4.0)], [("a", "i4"), ("b", "f8")]),
        "voids": np.zeros((3, 2), "V4"), "nan": np.full((4, 3), np.nan),
        "infinite": np.where(x > 1, np.inf, x), "huge": x * 1e300, "zeros": np.zeros((9, 3)),
        "wide": rng.normal(size=(4, 5000)),
    }  # fmt: skip
    for name, array in arrays.items():
        yield f"a_{name}.npy", _npy(array)
    good = _npy(x)
    start, body = good[:10], x.tobytes()

    def headed(text: str) -> bytes:
        padded = text.ljust(117) + "\n"
        return start[:8] + struct.pack("<H", len(padded)) + padded.encode("latin-1") + body

    kept = "{'descr': '<f8', 'fortran_order': False, 'shape': "
    headers = {
        "huge_shape": "{'descr': '<f8', 'fortran_order': False, 'shape': (10**15, 3), }",
        "huge_shape_number": f"{kept}({10**15}, 3), }}",
        "huge_columns": f"{{'descr': '<f8', 'fortran_order': False, 'shape': (3, {10**15}), }}",
        "overflow_shape": f"{kept}({2**62}, {2**62}), }}",
        "beyond_int64": f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10**30}, 3), }}",
        "negative_shape": "{'descr': '<f8', 'fortran_order': False, 'shape': (-12, 3), }",
        "two_negative": "{'descr': '<f8', 'fortran_order': False, 'shape': (-12, -3), }",
        "text_shape": "{'descr': '<f8', 'fortran_order': False, 'shape': 'ab', }",
        "float_shape": "{'descr': '<f8', 'fortran_order': False, 'shape': (2.5, 3), }",
        "bad_descr": "{'descr': 'zz9', 'fortran_order': False, 'shape': (12, 3), }",
        "list_descr": "{'descr': [], 'fortran_order': False, 'shape': (12, 3), }",
        "no_shape": "{'descr': '<f8', 'fortran_order': False, }",
        "code": "__import__('os').system('touch ran')",
        "nested": "(" * 100,
        "empty_header": "",
    }
    for name, text in headers.items():
        yield f"h_{name}.npy", headed(text)
    yield "cut.npy", good[:-7]
    yield "cut_header.npy", good[:40]
    yield "cut_magic.npy", good[:4]
    yield "longer.npy", good + b"12345"
    yield "other_version.npy", good[:6] + b"\x09\x00" + good[8:]
    yield "empty.npy", b""
    yield "csv.npy", GOOD
    yield "gzip.npy", gzip.compress(good)


def other_arrays(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Other formats, under the names of arrays and tables."""
    x = rng.normal(size=(12, 3))
    packed = io.BytesIO()
    np.savez(packed, a=x, b=x)
    yield "zip.npy", packed.getvalue()
    yield "arrays.npz", packed.getvalue()
    yield "array.parquet", _npy(x)
    yield "array.csv", _npy(x)
    yield "pickle.npy", b"\x80\x04N."
    yield "array.npy.gz", gzip.compress(_npy(x))
    yield from {
        "idx_good": b"\0\0\x08\x03" + struct.pack(">III", 3, 8, 8) + bytes(192),
        "idx_short": b"\0\0\x08\x03" + struct.pack(">III", 3, 8, 8) + bytes(100),
        "idx_huge": b"\0\0\x08\x03" + struct.pack(">III", 2**32 - 1, 2**32 - 1, 2**32 - 1),
        "idx_none": b"\0\0\x08\x03" + struct.pack(">III", 0, 8, 8),
        "idx_header": b"\0\0\x08\x03\0",
        "idx_axes": b"\0\0\x08\xff" + bytes(1020),
        "idx_scalar": b"\0\0\x08\x00",
    }.items()
    yield "idx_gzip.gz", gzip.compress(b"\0\0\x08\x03" + struct.pack(">III", 3, 8, 8) + bytes(192))


def parquet_files(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Tables of columns."""
    good = pl.read_csv(GOOD)
    tables: dict[str, pl.DataFrame] = {
        "good": good,
        "no_rows": good.head(0),
        "one_row": good.head(1),
        "no_columns": pl.DataFrame(),
        "lists": pl.DataFrame({"a": [[1, 2], [3]], "b": [1, 2]}),
        "structs": pl.DataFrame({"a": [{"x": 1}, {"x": 2}], "b": [1, 2]}),
        "arrays": pl.DataFrame({"a": np.zeros((3, 2)), "b": [1, 2, 3]}),
        "dates": pl.DataFrame({"a": [date(2020, 1, 1), date(2020, 1, 2)], "b": [1, 2]}),
        "times": pl.DataFrame({"a": [datetime(2020, 1, 1)] * 3, "b": [1, 2, 3]}),
        "decimals": pl.DataFrame({"a": [Decimal("1.5"), Decimal("2.5")], "b": [1, 2]}),
        "binary": pl.DataFrame({"a": [b"x", b"\xff"], "b": [1, 2]}),
        "nulls": pl.DataFrame({"a": [None, None], "b": [1, 2]}),
        "all_null_floats": pl.DataFrame({"a": pl.Series([None, None], dtype=pl.Float64)}),
        "categories": good.with_columns(pl.col("c").cast(pl.Categorical)),
        "enum": good.with_columns(pl.col("c").cast(pl.Enum(["red", "blue", "green"]))),
        "booleans": pl.DataFrame({"a": [True, None, False], "b": [1, 2, 3]}),
        "floats": pl.DataFrame({"a": [1.0, np.nan, None, 2], "b": [1, 2, 3, 4]}, strict=False),
        "infinite": pl.DataFrame({"a": [1.0, np.inf], "b": [1, 2]}),
        "int128": pl.DataFrame({"a": pl.Series([2**100, 1], dtype=pl.Int128), "b": [1, 2]})
        if hasattr(pl, "Int128") else good,
        "uint64": pl.DataFrame({"a": pl.Series([2**64 - 1, 1], dtype=pl.UInt64), "b": [1, 2]}),
        "nested_name": good.rename({"a": "a\nb"}),
        "empty_name": good.rename({"a": ""}),
        "texts": pl.DataFrame({"text": ["one two", "three", None, ""]}),
        "two_texts": pl.DataFrame({"x": ["one"], "y": ["two"]}),
        "wide": pl.DataFrame(rng.normal(size=(3, 3000))),
    }  # fmt: skip
    for name, table in tables.items():
        file = io.BytesIO()
        table.write_parquet(file)
        yield f"p_{name}.parquet", file.getvalue()
    file = io.BytesIO()
    good.write_parquet(file)
    content = file.getvalue()
    yield "cut.parquet", content[:-10]
    yield "cut_start.parquet", content[10:]
    yield "spoiled.parquet", content[:20] + bytes(40) + content[60:]
    yield "spoiled_footer.parquet", content[:-60] + b"\xff" * 40 + content[-20:]
    yield "magic.parquet", b"PAR1PAR1"
    yield "empty.parquet", b""
    yield "csv.parquet", GOOD
    yield "arrow.parquet", b"ARROW1\0\0" + rng.bytes(200)
    yield "encrypted.parquet", b"PARE" + rng.bytes(200) + b"PARE"


def image_files(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Single images."""
    grey = rng.integers(0, 255, (8, 8))
    yield "i_good.png", _png(grey)
    yield "i_cut.png", _png(grey)[:60]
    yield "i_empty.png", b""
    yield "i_text.png", b"no image"
    yield "i_pixel.png", _png(grey[:1, :1])
    yield "i_bomb.png", _bomb()
    yield "i_palette.gif", _image(Image.fromarray(grey.astype(np.uint8)), "GIF")
    yield "i_cmyk.jpg", _image(Image.new("CMYK", (8, 8)), "JPEG")
    yield "i_float.tif", _image(Image.fromarray(grey.astype(np.float32)), "TIFF")
    yield "i_cut.jpg", _image(Image.new("RGB", (8, 8)), "JPEG")[:300]


def text_files(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Texts."""
    for name, content in {
        "t_good": b"one two three\nfour five\nsix [MASK] seven\n" * 20,
        "t_empty": b"",
        "t_blank": b"\n\n\n",
        "t_latin1": "grün\n".encode("latin-1"),
        "t_utf16": "one two\n".encode("utf-16"),
        "t_nul": b"one\0two\n",
        "t_bom": b"\xef\xbb\xbfone two\n",
        "t_cr": b"one\rtwo\rthree\r",
        "t_one_word": b"one",
        "t_masks": b"[MASK] [MASK] [MASK]\n",
        "t_many_masks": b"[MASK] " * 400 + b"\n",
        "t_long": b"word " * 2000 + b"\n",
        "t_emoji": "🙂🙃\u200d\u202e\n".encode(),
        "t_noise": rng.bytes(1000),
        "t_surrogate": b"\xed\xa0\x80\n",
    }.items():
        yield f"{name}.txt", content
    yield "t_good.gz", gzip.compress(b"one two\nthree\n")
    yield "t_cut.gz", gzip.compress(b"one two\nthree\n" * 50)[:-12]
    yield "t_not.gz", b"one two\n"


def model_files(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """What is no model."""
    yield "foreign.safetensors", safetensors_of({"w": rng.normal(size=(3, 3))})
    yield "empty.safetensors", b""
    yield "noise.safetensors", rng.bytes(300)
    yield "long_header.safetensors", struct.pack("<Q", 2**60) + b"{}"
    yield "no_model.safetensors", safetensors_of({"w": np.zeros(2)}, {"thalweg": "1"})
    yield "newer.safetensors", safetensors_of({"w": np.zeros(2)}, {"thalweg": "99"})
    yield "odd_version.safetensors", safetensors_of({"w": np.zeros(2)}, {"thalweg": "²"})
    yield (
        "list_model.safetensors",
        safetensors_of({"energy.w": np.zeros(2)}, {"thalweg": "1", "model": "[]"}),
    )
    yield "pickle.pt", b"\x80\x02}q\x00."


def folders(folder: Path, rng: np.random.Generator) -> None:
    """Folders with and without something to read."""
    made: dict[str, Callable[[Path], Any]] = {
        "d_empty": lambda d: None,
        "d_of_nothing": lambda d: (d / "readme.doc").write_bytes(b"x"),
        "d_images": lambda d: [
            (d / f"{i}.png").write_bytes(_png(rng.integers(0, 255, (8, 8)))) for i in range(6)
        ],
        "d_mixed_sizes": lambda d: [
            (d / f"{i}.png").write_bytes(_png(rng.integers(0, 255, (8 + i, 8)))) for i in range(3)
        ],
        "d_damaged": lambda d: [(d / f"{i}.png").write_bytes(b"x") for i in range(3)],
        "d_texts": lambda d: [(d / f"{i}.txt").write_bytes(b"one two\nthree\n") for i in range(3)],
        "d_folder_as_image": lambda d: (d / "a.png").mkdir(),
        "d_loop": lambda d: [
            (d / "again").symlink_to(d), (d / "a.png").write_bytes(_png(np.zeros((8, 8)))),
            (d / "a.txt").write_bytes(b"one two\n"),
        ],
        "d_broken_link": lambda d: [(d / n).symlink_to(d / "gone") for n in ("a.png", "a.txt")],
        "d_link_to_device": lambda d: [
            (d / n).symlink_to("/dev/zero") for n in ("a.png", "a.txt", "model.safetensors")
        ],
        "d_pipe": lambda d: [os.mkfifo(d / n) for n in ("a.png", "a.txt", "model.safetensors")],
        "d_table.csv": lambda d: (d / "a.csv").write_bytes(GOOD),
        "d_array.npy": lambda d: (d / "a.npy").write_bytes(b"x"),
        "d_model": lambda d: (d / "model.safetensors").write_bytes(b"x"),
        "d_config": lambda d: (d / "config.json").write_bytes(b"[" * 5000),
    }  # fmt: skip
    for name, fill in made.items():
        (folder / name).mkdir()
        fill(folder / name)


def special_files(folder: Path) -> None:
    """Pipes without a writer, devices, sockets, links, files that may not be read."""
    for name in ("pipe.csv", "pipe.npy", "pipe.parquet", "pipe.png", "pipe", "pipe.safetensors"):
        os.mkfifo(folder / name)
    here = os.getcwd()
    os.chdir(folder)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket.csv")
    os.chdir(here)
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "gone.csv").symlink_to("nowhere.csv")
    (folder / "zero.npy").symlink_to("/dev/zero")
    (folder / "zero.csv").symlink_to("/dev/zero")
    (folder / "link.csv").symlink_to("crlf.csv")
    for name in ("closed.csv", "closed.npy", "closed.safetensors"):
        (folder / name).write_bytes(GOOD)
        (folder / name).chmod(0)


def odd_names(folder: Path) -> None:
    """Good tables under names that are seldom seen."""
    for name in (b"with space.csv", "größe.csv".encode(), b"new\nline.csv", b"not_utf8_\xff.csv",
                 b"-dash.csv", b"--out.csv", b"quote'\".csv", b"{brace}.csv", b"%s.csv",
                 b"\x1b[31mred.csv", "🙂.csv".encode(), b"l" * 240 + b".csv", b"a*b?.csv",
                 b"[MASK].csv", b"a.csv.parquet", b"tab\t.csv"):  # fmt: skip
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            file.write(GOOD)


def _csv(names: list[str], rows: Any) -> bytes:
    return "\n".join([",".join(names), *(",".join(row) for row in rows), ""]).encode()


def _npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def _zip(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return file.getvalue()


def _image(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def _png(pixels: Any) -> bytes:
    return _image(Image.fromarray(np.asarray(pixels).astype(np.uint8)), "PNG")


def _bomb() -> bytes:
    """A picture of 60,000 x 60,000 pixels, says its header."""
    content = bytearray(_png(np.zeros((8, 8))))
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    return bytes(content)
