"""What a column is, from its cells: as a careful person would say."""

import datetime

import numpy as np
import polars as pl
import pytest

from thalweg.core import InputError
from thalweg.data.columns import BadCells, Schema, Table, read_table
from thalweg.data.columns.evidence import MOST_WORDS, Evidence
from thalweg.data.columns.word import NEW, OTHER

RANDOM = np.random.default_rng(0)
NUMBERS = [f"{value:.2f}" for value in RANDOM.normal(size=40)]


def column_of(cells, name="x", decimal=None, step=None):
    """The column that cells make, at once or in batches of so many."""
    evidence = Evidence(name, decimal)
    cells = cells if isinstance(cells, pl.Series) else pl.Series(name, cells)
    for start in range(0, len(cells), step or len(cells)):
        evidence.add(cells[start : start + (step or len(cells))])
    return evidence.kind()


def encoded(column, cells):
    """Entries of cells, none of which is bad."""
    bad = BadCells()
    rows = column.encode(pl.Series(column.name, cells), bad)
    assert bad.sentences() == []
    return rows


def words_of(count):
    return [f"word {chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(count)]


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("x", NUMBERS, "number"),
        ("x", ["1", "2", "3", "4", "5"] * 4, "number"),
        ("x", [*NUMBERS, "oops"], "number"),
        ("x", [*NUMBERS[:9], *["oops"] * 3], "category"),
        ("x", ["7"] * 9, "constant"),
        ("x", ["7.0", "7"] * 4, "constant"),
        ("x", ["", "NA", "NULL", "#N/A", "?", "-", " ", "nan"], "empty"),
        ("x", ["negative", "+", "-", "+", "-"] * 3, "category"),
        ("zip", ["01067", "10115", "01069", "80331"] * 5, "category"),
        ("zip", ["01067", "10115", "01069", "80331"], "identifier"),
        ("id", [str(i) for i in range(1, 37)], "identifier"),
        ("", [str(i) for i in range(1, 37)], "number"),
        ("customer_id", [str(i * 7) for i in range(36)], "identifier"),
        ("id", [str(i // 2) for i in range(36)], "number"),
        ("paid", [str(i) for i in range(1, 37)], "number"),
        ("id", NUMBERS, "number"),
        ("x", [f"A-{i}" for i in range(20)], "identifier"),
        ("x", [f"A-{i}" for i in range(3)], "category"),
        ("x", [f"the customer called for the {i}th time" for i in range(20)], "free text"),
        ("x", ["red", "blue", "red"] * 9, "category"),
        ("x", ["Yes", "No"] * 4, "truth value"),
        ("x", ["Yes", "No", "Perhaps"] * 4, "category"),
        ("x", ["WAHR", "FALSCH"] * 4, "truth value"),
        ("x", ["TRUE", ""] * 4, "constant"),
        ("x", ["0", "1"] * 4, "number"),
        ("day", ["20210101", "20210207", "20211231", "20220303"], "date or time"),
        ("x", ["20210101", "20210207", "20211231", "20221303"], "number"),
        ("id", ["20210101", "20210207", "20211231", "20220303"], "identifier"),
        ("x", ["20210101"] * 4, "constant"),
        ("x", ["2021-01-05"] * 4, "constant"),
        ("x", ["1.2.3", "1.2.4", "2.0.1", "1.2.3"] * 3, "category"),
        ("x", ["10:30", "11:45", "09:15"] * 3, "date or time"),
        ("x", ['["a"]', "[]", '["a", "b"]'] * 4, "category"),
        ("x", [[1, 2], [3]], "nested"),
        ("x", [b"a", b"b"], "nested"),
        ("x", [True, False, None], "truth value"),
        ("x", [1.5, 2.5, None], "number"),
        ("x", [datetime.date(2021, 1, 5), datetime.date(2021, 2, 5)], "date or time"),
        ("x", [datetime.time(10), datetime.time(12)], "date or time"),
        ("x", [None, None], "empty"),
        ("x", [float("nan"), None], "empty"),
    ],
)  # fmt: skip
def test_kinds(name, cells, kind):
    assert column_of(cells, name).kind == kind
    assert column_of(cells, name, step=2).kind == kind or len(cells) < 6


@pytest.mark.parametrize(
    "cells",
    [
        NUMBERS,
        [*NUMBERS, "oops"],
        [str(i % 7) for i in range(40)] + ["05"],
        ["12", "13"] * 20 + ["A4"] * 10,
        ["Yes"] * 20 + ["No"] * 20,
        ["1.5"] * 20 + ["1,234.5", "2,500.0"] * 10,
        [f"2021-{m:02}-{d:02}" for m in range(1, 13) for d in (1, 15)],
        [f"2021{m:02}{d:02}" for m in range(1, 13) for d in (1, 15)],
        [*words_of(90), *words_of(30) * 3],
    ],
)
@pytest.mark.parametrize("step", [1, 7, 20])
def test_batches_say_what_all_rows_do(cells, step):
    assert column_of(cells, step=step) == column_of(cells)


def test_codes_that_begin_late_keep_the_words_that_looked_like_numbers():
    column = column_of(["12"] * 30 + ["13"] * 30 + ["07"] * 3, step=20)
    assert column.words == ("07", "12", "13")
    assert column.seen == (3, 30, 30)


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["1,234", "12,345.5", "7"], [1234, 12345.5, 7]),
        (["1.234,5", "12.345,25", "7,0"], [1234.5, 12345.25, 7]),
        (["1 234,5", "12\u00a0345", "7,0"], [1234.5, 12345, 7]),
        (["1'234.5", "12'345", "7"], [1234.5, 12345, 7]),
        (["12.5%", "7%", "-3%"], [12.5, 7, -3]),
        (["12,5 %", "7 %", "-3 %"], [12.5, 7, -3]),
        (["$1,200.50", "-$3.00", "$7"], [1200.5, -3, 7]),
        (["1.200,50 €", "3,00 €", "-7 €"], [1200.5, 3, -7]),
        (["(12.5)", "7.0", "8.5"], [-12.5, 7, 8.5]),
        (["\u22121.5", "2.5", "3.5"], [-1.5, 2.5, 3.5]),
        (["1e3", "-2.5E-1", "+4"], [1000, -0.25, 4]),
        ([" 1.5", "2.5 ", " NA "], [1.5, 2.5, np.nan]),
    ],
)
def test_numbers_as_they_are_written(cells, numbers):
    column = column_of(cells)
    assert column.kind == "number"
    np.testing.assert_array_equal(encoded(column, cells)[:, 0], numbers)


def test_a_file_of_decimal_commas_has_fractions_where_others_have_thousands():
    cells = ["1,234", "5,678"]
    assert encoded(column_of(cells, decimal=","), cells)[0, 0] == 1.234
    assert encoded(column_of(cells), cells)[0, 0] == 1234
    dotted = ["1.234", "5.678"]
    assert encoded(column_of(dotted, decimal=","), dotted)[0, 0] == 1234


def test_of_bad_cells_ten_are_shown_and_the_others_counted():
    cells = [str(i / 8) for i in range(300)]
    for i in range(12):
        cells[20 * i + 3] = f"bad {i}"
    table = Table(pl.DataFrame({"x": cells, "y": NUMBERS[:30] * 10}), name="data.csv")
    rows, said = table.encoded(table.schema())
    assert np.flatnonzero(np.isnan(rows[:, 0])).tolist() == list(range(3, 240, 20))
    assert len(said) == 11
    assert said[0] == (
        "data.csv: row 3, column 'x' is 'bad 0'; expected a number, and is taken as missing"
    )
    assert said[-1] == "data.csv: 2 more such cells"


def test_bad_cells_are_refused_where_that_is_said():
    frame = pl.DataFrame({"x": [*NUMBERS, "oops"]})
    table = Table(frame, bad_cells="refuse")
    with pytest.raises(InputError, match=r"row 40, column 'x' is 'oops'; expected a number"):
        table.encoded(table.schema())


def test_codes_come_back_with_their_zeros():
    cells = ["01", "1", "02", "01"] * 5
    column = column_of(cells)
    assert column.words == ("01", "02", "1")
    assert column.decode(encoded(column, cells)).to_list() == cells


def test_a_schema_reads_later_files_and_not_the_files_themselves():
    schema = Schema.of([pl.DataFrame({"code": ["01", "1", "A"] * 4, "y": NUMBERS[:12]})], "X")
    later = pl.DataFrame({"code": [1, 1], "y": ["1", "2"]})
    rows = schema.encode(later, BadCells())
    assert rows[:, schema.entries.index("code=1")].tolist() == [1, 1]
    texts = pl.DataFrame({"code": ["01", "01"], "y": [1.0, 2.0]})
    assert schema.encode(texts, BadCells())[:, schema.entries.index("code=01")].tolist() == [1, 1]


def test_rare_words_share_an_entry_and_a_word_never_seen_has_the_least_probable_one():
    common, rare = words_of(MOST_WORDS), [f"rare {i}" for i in range(6)]
    cells = common * 3 + rare * 2
    column = column_of(cells)
    assert column.entries[-2:] == [f"x={OTHER}", f"x={NEW}"]
    assert column.width == MOST_WORDS + 2
    assert column.prior.sum() == pytest.approx(1)
    # a half is added to every count
    assert column.prior[0] == pytest.approx(3.5 / (len(cells) + 0.5 * column.width))
    assert column.prior[-1] < column.prior[:-1].min()
    at = encoded(column, ["rare 2", "of another world", common[5]]).argmax(axis=1)
    assert at.tolist() == [MOST_WORDS, MOST_WORDS + 1, sorted(common).index(common[5])]
    # neither is a word that could be filled in
    assert set(column.decode(np.eye(column.width))) <= set(common)


@pytest.mark.parametrize(
    ("no", "yes"), [("No", "Yes"), ("f", "t"), ("FALSE", "TRUE"), ("nein", "ja"), ("N", "Y")]
)
def test_truth_values_come_back_as_they_are_spelled(no, yes):
    cells = [no, yes, yes, no, yes]
    column = column_of(cells)
    rows = encoded(column, cells)
    assert rows.tolist() == [[1, 0], [0, 1], [0, 1], [1, 0], [0, 1]]
    assert column.decode(rows).to_list() == cells
    # other spellings mean the same
    np.testing.assert_array_equal(encoded(column, ["0", "1", "true"]), [[1, 0], [0, 1], [0, 1]])


def test_constants_know_what_is_something_else():
    column = column_of(["7"] * 5)
    np.testing.assert_array_equal(encoded(column, ["7", "7.0", "8"]), [[1, 0], [1, 0], [0, 1]])
    assert column.prior[1] < column.prior[0]
    values = column.decode(np.array([[0.0, 1.0]]))
    assert values.to_list() == [7]
    assert column.written(values).to_list() == ["7"]
    prices = column_of(["7.50"] * 5)
    assert prices.written(prices.decode(np.array([[1.0, 0.0]]))).to_list() == ["7.50"]


def test_whole_numbers_are_filled_with_whole_ones():
    column = column_of(["1", "2", "5"])
    assert column.whole
    assert column.written(column.decode(np.array([[2.4]]))).to_list() == ["2"]
    assert not column_of(["1", "2", "5.5"]).whole
    assert column_of(pl.Series([1.0, 2.0, None])).whole


def test_a_table_of_nothing_to_learn_from_is_refused_in_words():
    frame = pl.DataFrame({"id": [f"A{i}" for i in range(9)], "k": ["same"] * 9, "e": [None] * 9})
    with pytest.raises(InputError, match=r"nothing is left to learn from \(1 constant, 1 ident"):
        Table(frame).schema()


def test_identifiers_that_are_named_are_left_out():
    frame = pl.DataFrame({"x": NUMBERS, "y": NUMBERS})
    schema = Table(frame, identifiers=("x",)).schema()
    assert [column.kind for column in schema.columns] == ["identifier", "number"]
    with pytest.raises(InputError, match="X has no column 'z'"):
        Table(frame, identifiers=("z",))


def test_a_large_file_is_read_in_batches_and_says_the_same(tmp_path, monkeypatch):
    path = tmp_path / "x.csv"
    kinds = ["a", "b", "c"]
    lines = [f"{NUMBERS[i % 40]},{kinds[i % 3]},{i}" for i in range(5000)]
    path.write_text("x,kind,id\n" + "\n".join(lines) + "\n")
    whole = read_table(path)
    schema = whole.schema()
    rows, _ = whole.encoded(schema)
    monkeypatch.setattr("thalweg.data.columns.table.KEPT_BYTES", 0)
    by_batches = read_table(path)
    assert by_batches.schema().to_json() == schema.to_json()
    assert by_batches._frame is None
    np.testing.assert_array_equal(by_batches.encoded(schema)[0], rows)


@pytest.mark.parametrize(
    ("cells", "missing"),
    [
        (["1", "none", "2.5", "3"], True),
        (["$1,000.50", "none", "$2.00", "$3.25"], True),
        (["2021-01-04", "none", "2021-02-05", "2021-03-06"], True),
        (["gas", "none", "wood", "gas", "none", "wood"], False),
    ],
)
def test_none_is_a_word_among_words_and_missing_among_numbers_and_dates(cells, missing):
    table = pl.DataFrame({"x": cells * 3})
    schema = Schema.of([table], "X")
    rows = schema.encode(table, BadCells(True), 0)
    assert np.isnan(rows[1]).all() == missing
    # asked alone it is what it was in training
    alone = schema.encode(pl.DataFrame({"x": ["none"]}), BadCells(True), 0)
    np.testing.assert_array_equal(alone[0], rows[1])
