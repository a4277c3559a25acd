import bz2
import csv
import gzip
import io
import lzma
import os
import re
import sys
import threading
import zipfile

import numpy as np
import polars as pl
import pytest
from backports import zstd

from thalweg.core import InputError
from thalweg.data.table_files import CsvForm, FormSaid, open_table, records, streams
from thalweg.data.table_files.block import Block
from thalweg.data.table_files.encodings import Decoder, guessed


@pytest.fixture
def table(tmp_path):
    def write(content, name="t.csv", said=None):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return open_table(path, said)

    return write


def in_small_pieces(monkeypatch, size=7):
    monkeypatch.setattr(streams, "CHUNK_BYTES", size)


def zipped(content, **more):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in {"t.csv": content, **more}.items():
            archive.writestr(name, data)
    return file.getvalue()


SMALL = b"a,b\n1,x\n2,\n"


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("t.csv.gz", gzip.compress), ("t.csv.bz2", bz2.compress), ("t.tsv.xz", lzma.compress),
        ("t.csv.zst", zstd.compress), ("t.zip", zipped), ("t.csv", gzip.compress),
    ],
)  # fmt: skip
def test_what_is_compressed_is_read_and_what_is_cut_refused(table, name, how, tmp_path):
    found = table(how(SMALL), name)
    assert found.read().rows() == [("1", "x"), ("2", None)]
    assert found.size_bytes == len(how(SMALL))
    assert found.n_rows is None
    with pytest.raises(InputError, match=f"{name} is a damaged or cut"):
        table(how(SMALL)[:-5], name)


def test_a_zip_file_is_of_one_table(table):
    assert table(zipped(SMALL, **{"__MACOSX/t.csv": "x"}), "t.zip").names == ["a", "b"]
    locked = bytearray(zipped(SMALL))
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        locked[locked.index(mark) + flags] |= 1
    with pytest.raises(InputError, match=r"t\.zip is a zip file with a password"):
        table(bytes(locked), "t.zip")
    with pytest.raises(InputError, match=r"t\.zip is a zip file of 2 files"):
        table(zipped(SMALL, other="x"), "t.zip")


def test_standard_input_is_read_as_often_as_wanted(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SMALL)))
    found = open_table("-")
    assert [found.read().rows() for _ in range(2)] == [[("1", "x"), ("2", None)]] * 2
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a,b\n1\n")))
    with pytest.raises(InputError, match=r"^standard input: line 2 has 1 fields; expected 2"):
        open_table("-").read()


def test_a_pipe_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writing = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(SMALL,))
    writing.start()
    found = open_table(tmp_path / "pipe")
    writing.join()
    assert found.read().height == 2


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-marked", "windows-1252"]
)
@pytest.mark.parametrize("pieces", [False, True])
def test_lines_and_letters_are_the_same_in_every_encoding(
    table, end, encoding, pieces, monkeypatch
):
    text = end.join(['Größe;"Ort; Land"', "1,5;Köln", '"2 ""x"" ";', ""])
    content = (
        b"\xff\xfe" + text.encode("utf-16-le") if "marked" in encoding else text.encode(encoding)
    )
    if pieces:
        in_small_pieces(monkeypatch)
    found = table(content)
    assert found.names == ["Größe", "Ort; Land"]
    assert found.read().rows() == [("1,5", "Köln"), ('2 "x" ', None)]


def test_letters_that_come_late_are_still_found(table):
    rows = "".join(f"{i},x\n" for i in range(50_000))
    found = table(b"n,Ort\n" + rows.encode() + "1,Köln\n".encode("latin-1"))
    assert found.form.encoding == "ascii"
    assert found.read()[-1, 1] == "Köln"
    assert table(f"n,Ort\n{rows}1,Köln\n").read()[-1, 1] == "Köln"
    with pytest.raises(InputError, match="line 50003: byte 0xf6 is not UTF-8 text"):
        table(f"n,Ort\né,x\n{rows}".encode() + "1,Köln\n".encode("latin-1")).read()


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("имя;город\nИван;Москва\nОльга;Казань\n", "windows-1251"),
        ("imię;miasto\nŁukasz;Łódź\nGrażyna;Gdańsk\n", "windows-1250"),
        ("名前,都市\n田中,東京\n鈴木,大阪\n", "cp932"),
        ("id,temp (°C)\n1,5\n2,6\n", "windows-1252"),
        ("id;prix\n1;5 €\n2;7 €\n", "windows-1252"),
    ],
)
def test_other_alphabets_are_found_where_they_are_clear(text, encoding):
    assert CsvForm.found(text.encode(encoding)).encoding == encoding


SEPARATORS = {
    # alone
    "x\n1,5\n2,5\n": (None, ","), "x\n1\n": (None, None), "t\nHello, you\nfine; so\n": (None, None),
    'x\n"1,234"\n"5,678"\n': (None, None), "d\n2020-01-01 10:00\n2020-01-02 11:00\n": (None, None),
    # decimal commas beside semicolons
    "a;b\n1,5;2,5\n": (";", ","), "a;b;c\n1.234,50;2;x\n": (";", ","),
    "Betrag, EUR;Datum\n1,50;01.01.2020\n2,50;02.01.2020\n": (";", ","),
    # others inside of cells
    "id,tags,x\n1,a;b,2\n2,c;d,3\n": (",", None), "id,tags\n1,a|b\n2,b|c\n": (",", None),
    "n\tx, y\n1\ta, b\n2\tc, d\n": ("\t", None), "a, b\n1, 2.5\n3, 4.5\n": (",", "."),
    "name;adr\nMeier, Hans;Berg, 1\nHuber, Eva;Tal, 2\n": (";", None),
    'a,b\n"1;2",x\n"3;4",y\n': (",", None), "a|b\n1|2\n": ("|", None),
    # thousands alone tell nothing
    'a,b\n"1,234",x\n"2,345",y\n': (",", None), 'a,b\n"1,234.5",x\n': (",", "."),
    "a;b\n1.234;2\n": (";", None), "sep=|\na|b\n1|2,5\n": ("|", ","),
}  # fmt: skip


@pytest.mark.parametrize("text", SEPARATORS)
def test_separators_and_decimal_marks_of_small_files(text):
    found = CsvForm.found(text.encode())
    assert (found.separator, found.decimal) == SEPARATORS[text]


def test_two_separators_that_are_as_likely_are_refused(table):
    text = "id,tags|more\n1,a|b\n2,b|c\n"
    with pytest.raises(InputError, match="parted by commas or bars; expected a separator"):
        table(text)
    assert table(text, said=FormSaid("|")).names == ["id,tags", "more"]


def test_what_is_said_counts(table):
    said = FormSaid("#", "'", "latin-1", ",", False, 2)
    found = table("über\n#\n1#'a#''b'\n2#\n".encode("latin-1"), said=said)
    assert found.names == ["column 1", "column 2"]
    assert found.read().rows() == [("1", "a#'b"), ("2", None)]
    assert found.form.decimal == ","
    assert table('a\tb\n"x\t5" y\n', said=FormSaid("\\t", "")).read().rows() == [('"x', '5" y')]
    assert table("a§b\n1§2\n", said=FormSaid("§")).read().rows() == [("1", "2")]


@pytest.mark.parametrize(
    "said",
    [
        {"separator": ";;"}, {"quote": "''"}, {"encoding": "klingon"}, {"encoding": "base64"},
        {"decimal": ";"}, {"skip_lines": -1}, {"separator": '"', "quote": '"'},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(said):
    with pytest.raises(InputError, match=f"{next(iter(said))}.*; expected"):
        CsvForm.found(b"a\n1\n", FormSaid(**said))


def test_names_are_made_clear(table):
    found = table("\ufeff x ,x,,x (2),x\n1,2,3,4,5\n")
    assert found.names == ["x", "x (3)", "column 3", "x (2)", "x (4)"]
    assert [note.split(":")[0].split(" are")[0] for note in found.notes] == [
        "spaces around names of columns were left off",
        "columns without a name",
        "columns of a name that was there before",
    ]
    assert table("a;b\n1;2;\n3;4;\n").names == ["a", "b", "column 3"]
    assert table("a;b\n1;2;\n3;4;5\n").names == ["row name", "a", "b"]
    assert table('"a"\n"1",5\n"2",6\n').names == ["row name", "a"]
    assert "'row name'" in table("a;b\n1;2;\n3;4;5\n").notes[0]


def test_blank_lines_are_passed_over_and_the_others_counted(table):
    found = table("\n\na,b\n\n1,2\n   \n3,\n\n")
    assert found.read().rows() == [("1", "2"), ("3", None)]
    assert table('a\n1\n\n"x\n\ny"\n""\n').read()["a"].to_list() == ["1", "x\n\ny", None]


@pytest.mark.parametrize("pieces", [False, True])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n3\n4,5\n", "line 3 has 1 fields; expected 2, as in the header"),
        ("a,b\n1,2\n3,4,5\n4,5\n", "line 3 has 3 fields; expected 2, as in the header"),
        ("a,b\n1,\n\n3,\n4\n", "line 5 has 1 fields"),
        # as many in all
        ("a,b,c\n1,2,3\n4,5\n6,7,8,\n", "line 3 has 2 fields"),
        ('a,b\n"x\ny",2\n"1,\n2"\n', "line 4 has 1 fields"),
        ('a,b\n1,2\n"x,1\ny,2\n', "line 3 has a quoted cell without an end"),
        ("a,b\n1,2\n3,\0\n", "line 3 has a zero byte"),
    ],
)
def test_what_is_no_table_is_named_with_its_line(table, text, said, pieces, monkeypatch):
    if pieces:
        in_small_pieces(monkeypatch, 3)
    with pytest.raises(InputError, match=rf"t\.csv: {said}"):
        table(text).read()


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "t.csv", "is empty; expected a table with at least one row"),
        (b"\n \n", "t.csv", "is empty"), (gzip.compress(b"", mtime=0), "t.csv.gz", "is empty"),
        (b"a,b\n", "t.csv", "has no rows; expected at least one"),
        (b"a,b", "t.csv", "has no rows"), (b"a\n1\n", "t.doc", r"ends in '\.doc'; expected \.csv"),
        (zipped(b"", **{"xl/workbook.xml": ""}), "t.xlsx", r".* workbook \(\.xlsx\); .* CSV"),
        (zipped(b"", **{"content.xml": ""}), "t.csv", r"an OpenDocument file \(\.ods\); .* CSV"),
        (b"\xd0\xcf\x11\xe0" + bytes(50), "t.xls", r".* workbook \(\.xls\); .* CSV"),
        (b"no", "t.parquet", "is not a readable Parquet file"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_a_table_is_named(table, content, name, said):
    with pytest.raises(InputError, match=rf"{re.escape(name)}.* {said}"):
        table(content, name)


def test_what_is_no_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: no such file; expected a CSV or Parquet"):
        open_table(tmp_path / "none.csv")
    with pytest.raises(InputError, match="is a folder; expected"):
        open_table(tmp_path)
    path = os.fsencode(tmp_path) + b"/a\xff.csv"
    with open(path, "wb") as file:
        file.write(SMALL)
    with pytest.raises(InputError, match="its name is not UTF-8"):
        open_table(os.fsdecode(path))


def test_quotes_that_are_none_stay(table):
    rows = table('size,n\n5" pipe,1\n"6"" pipe, long",2\n').read().rows()
    assert rows == [('5" pipe', "1"), ('6" pipe, long', "2")]
    assert table('a,b\n"C:\\","x"\n').read().rows() == [("C:\\", "x")]
    assert table('a,b\n1,"He said \\"hi\\", ok"\n').read().rows() == [("1", 'He said "hi", ok')]
    assert table("a,b\n'x, y',1\n'z',2\n").read().rows() == [("x, y", "1"), ("z", "2")]
    assert table("a,b\no'x,it's\n").read().rows() == [("o'x", "it's")]
    assert table('a, b\n1, "x, y"\n2, z\n').read().rows() == [("1", "x, y"), ("2", "z")]


@pytest.mark.parametrize("seed", range(8))
def test_random_tables_are_what_pythons_csv_reads(table, seed, monkeypatch):
    random = np.random.default_rng(seed)
    words = ["", "a", "b,c", 'd "e" f', "g\nh", " i ", "\n\n", '"', "é", "1,5", "\r\n", "'"]
    rows = [[words[i] for i in random.integers(0, len(words), 3)] for _ in range(60)]
    rows[0] = ["x", "y", "z"]
    file = io.StringIO()
    how = (csv.QUOTE_ALL, csv.QUOTE_MINIMAL)[seed % 2]
    csv.writer(file, quoting=how, lineterminator=("\n", "\r\n")[seed // 2 % 2]).writerows(rows)
    in_small_pieces(monkeypatch, int(random.integers(1, 200)))
    found = table(file.getvalue(), said=FormSaid(","))
    expected = [tuple(cell or None for cell in row) for row in rows[1:]]
    assert found.read().rows() == expected
    assert [b.height for b in found.batches(25)] == [25, 25, 9]


def test_batches_are_the_rows_in_order(table):
    text = "n,w\n" + "".join(f"{i},{'x' * (i % 9)}\n" for i in range(70_000))
    found = table(text)
    batches = list(found.batches(30_000))
    assert [batch.height for batch in batches] == [30_000, 30_000, 10_000]
    whole = pl.concat(batches)
    assert whole["n"].to_list() == [str(i) for i in range(70_000)]
    assert whole.equals(found.read())


def test_a_row_without_end_is_refused_before_memory_is_full(table, monkeypatch):
    monkeypatch.setattr(records, "LONGEST_RECORD", 1000)
    in_small_pieces(monkeypatch, 500)
    with pytest.raises(InputError, match="line 2 begins a row of more than"):
        table('a,b\n1,"' + "x\n" * 5000 + '"\n').read()


def test_a_block_tells_rows_of_other_widths():
    for data, n, even in [
        (b"a,b\nc,d\n", 2, True), (b"a,b\n\nc,d\n", 2, False), (b"a\n\nb\n", 1, False),
        (b"a\nb\n", 1, True), (b"a,b,c\nd\n", 2, False), (b"a,b\nc,d,e,f\n", 3, False),
        (b'"a,x",b\n"c\n",d\n', 2, True),
    ]:  # fmt: skip
        assert Block(data, ord(","), ord('"')).is_even(n) is even, data
    assert Block(b'a,"b\n', ord(","), ord('"')).end == 0
    assert Block(b'a,b\nc,"d\ne', ord(","), ord('"')).end == 4
    assert not Block(b'a"b,c\n', ord(","), ord('"')).is_regular


@pytest.mark.parametrize("seed", range(4))
def test_quotes_anywhere_are_read_as_python_reads_them(table, seed, monkeypatch):
    random = np.random.default_rng(seed)
    read = 0
    for _ in range(100):
        in_small_pieces(monkeypatch, int(random.integers(1, 30)))
        text = "x,y\n1,2\n" + "".join(random.choice(list('aaa"",\n '), random.integers(4, 40)))
        rows = list(csv.reader(io.StringIO(text, newline="")))
        rows = [row for row in rows if len(row) > 1 or "".join(row).strip()]
        refused = ""
        try:
            cells = table(text, said=FormSaid(",", '"')).read().rows()
        except InputError as error:
            refused = str(error)
        if refused:
            # for good reason alone
            assert {len(row) for row in rows} != {2} or "without an end" in refused, text
        else:
            assert cells == [tuple(cell or None for cell in row) for row in rows[1:]], text
            read += 1
    assert read > 5


def test_a_decoder_knows_lines_and_what_is_left_from_before():
    decoder = Decoder("ascii", "\n", "t")
    assert decoder.take(b"a\nb\n\xc3") == b"a\nb\n"
    with pytest.raises(InputError, match="t: line 3: byte 0xc3 is not UTF-8 text"):
        decoder.take(b"c\n")
    with pytest.raises(InputError, match="line 2: byte 0xf6 is not UTF-8 text"):
        Decoder("ascii", "\n", "t").take("Köln é\n".encode() + b"K\xf6ln\n")
    # it looks like UTF-8 and is none
    assert guessed(b"\xc3\xa9\n\xe9\n") == "windows-1252"
    decoder = Decoder("ascii", "\n", "t")
    decoder.take(b"a\n\n")
    with pytest.raises(InputError, match="line 4 has a zero byte"):
        decoder.take(b"b\n\0")
