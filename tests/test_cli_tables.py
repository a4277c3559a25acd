"""Tables as people have them, on the command line: one command each, and what was done is told."""

import gzip

import numpy as np
import polars as pl
import pytest

import thalweg
from commands import said
from thalweg.estimators import KMeans

RANDOM = np.random.default_rng(0)
N = 90
X = RANDOM.normal(size=N)
Y = 2 * X + 0.1 * RANDOM.normal(size=N)
KINDS = ["low", "middle", "high"]
KIND = [KINDS[int(x > -0.5) + int(x > 0.5)] for x in X]
FIT = ("--out", "m.safetensors", "--n-clusters", 3, "--random-state", 0)


def fit(folder, name, *more):
    return said("fit", "kmeans", name, *FIT, *more, folder=folder)


def lines(*columns, separator=","):
    return "".join(separator.join(map(str, row)) + "\n" for row in zip(*columns, strict=True))


def kinds(folder):
    model = thalweg.load(folder / "m.safetensors")
    return [column.kind for column in model.table_.columns]


ORDERS = "id,x,y,kind,paid,day\n" + lines(
    [f"A-{i}" for i in range(N)],
    [f"{x:.4f}" if i % 9 != 4 else "" for i, x in enumerate(X)],
    [f"{y * 1e4:.1f}" for y in Y],
    [kind if i % 7 != 3 else "NA" for i, kind in enumerate(KIND)],
    ["yes" if i % 2 else "no" for i in range(N)],
    [f"{1 + i % 28:02}.{1 + i % 12:02}.2021" if i % 11 != 5 else "" for i in range(N)],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables")
    (path / "orders.csv").write_text(ORDERS)
    assert fit(path, "orders.csv")[0] == 0
    return path


@pytest.mark.parametrize("form", ["{:.4f}, {:.4f}\n", "{:.4f} ,{:.4f}\n", " {:.4f},{:.4f} \n"])
def test_spaces_beside_commas_are_not_cells(tmp_path, form):
    rows = "".join(form.format(x, y) for x, y in zip(X, Y, strict=True))
    (tmp_path / "a.csv").write_text("x,y\n" + rows)
    code, _, errors = fit(tmp_path, "a.csv")
    assert code == 0, errors
    assert kinds(tmp_path) == ["number", "number"]


@pytest.mark.parametrize("mark", ["N/A", "NULL", "None", "?", "-", "#N/A", "<NA>", "n/a", ""])
def test_what_says_missing_is_missing(tmp_path, mark):
    cells = [f"{x:.4f}" if i != 37 else mark for i, x in enumerate(X)]
    (tmp_path / "a.csv").write_text("x,y\n" + lines(cells, Y))
    code, _, errors = fit(tmp_path, "a.csv")
    assert code == 0, errors
    assert "warning" not in errors
    assert kinds(tmp_path) == ["number", "number"]


def test_thousands_are_numbers(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n" + lines([f'"{1e4 * x + 5e4:,.0f}"' for x in X], Y))
    assert fit(tmp_path, "a.csv")[0] == 0
    assert kinds(tmp_path) == ["number", "number"]


def test_a_word_in_a_column_of_numbers_is_told(tmp_path):
    cells = [f"{x:.4f}" if i != 37 else "broken" for i, x in enumerate(X)]
    (tmp_path / "a.csv").write_text("x,y\n" + lines(cells, Y))
    code, _, errors = fit(tmp_path, "a.csv")
    assert code == 0
    assert "row 37, column 'x' is 'broken'; expected a number, and is taken as missing" in errors
    code, _, errors = fit(tmp_path, "a.csv", "--bad-cells", "refuse")
    assert code == 2
    assert "row 37, column 'x' is 'broken'; expected a number" in errors
    assert len(errors.strip().splitlines()) == 1
    code, _, errors = fit(tmp_path, "a.csv", "--quiet")
    assert (code, errors) == (0, "")
    for verb in ("energy", "complete"):
        code, out, errors = said(verb, "m.safetensors", "a.csv", folder=tmp_path)
        assert (code, len(out.splitlines())) == (0, N + 1)
        assert errors.count("broken") == 1
        code, _, errors = said(
            verb, "m.safetensors", "a.csv", "--bad-cells", "refuse", folder=tmp_path
        )
        assert code == 2
        assert said(verb, "m.safetensors", "a.csv", "--quiet", folder=tmp_path)[2] == ""
    code, _, errors = fit(tmp_path, "a.csv", "--bad-cells", "drop")
    assert (code, "expected hide or refuse" in errors) == (2, True)


def test_semicolons_and_decimal_commas(tmp_path):
    (tmp_path / "comma.csv").write_text("x,y\n" + lines(X, Y))
    assert fit(tmp_path, "comma.csv")[0] == 0
    expected = said("energy", "m.safetensors", "comma.csv", folder=tmp_path)[1]
    german = lines(X, Y, separator=";").replace(".", ",")
    (tmp_path / "german.csv").write_text("x;y\n" + german)
    for more in ((), ("--separator", ";", "--decimal", ",")):
        code, _, errors = fit(tmp_path, "german.csv", *more)
        assert code == 0, errors
        assert kinds(tmp_path) == ["number", "number"]
        assert said("energy", "m.safetensors", "german.csv", folder=tmp_path)[1] == expected
    # how numbers are written is the model's to say, not a later file's
    _, _, errors = said("energy", "m.safetensors", "comma.csv", folder=tmp_path)
    assert "expected a number" in errors


def test_a_column_without_a_value_is_left_out_and_told(tmp_path):
    (tmp_path / "a.csv").write_text("x,y,\n" + lines(X, Y, [""] * N))
    code, _, errors = fit(tmp_path, "a.csv")
    assert code == 0
    assert "without a value" in errors
    assert kinds(tmp_path) == ["number", "number", "empty"]
    for verb in ("complete", "project", "energy"):
        code, out, errors = said(verb, "m.safetensors", "a.csv", folder=tmp_path)
        assert (code, len(out.splitlines())) == (0, N + 1), errors


def test_codes_keep_their_zeros_and_files_do_not_say_what_they_are(tmp_path):
    codes, means = ["01", "1", "A", "02"], [-5, 5, 0, 2]
    noise = RANDOM.normal(size=N) / 10
    rows = lines([codes[i % 4] for i in range(N)], [means[i % 4] + noise[i] for i in range(N)])
    (tmp_path / "a.csv").write_text("code,y\n" + rows)
    assert fit(tmp_path, "a.csv")[0] == 0
    (tmp_path / "all.csv").write_text("code,y\n01,-5\n01,5\nA,0\n")
    (tmp_path / "some.csv").write_text("code,y\n01,-5\n01,5\n")
    (tmp_path / "two.csv").write_text("code,y\n02,1\n02,2\n")
    every = said("energy", "m.safetensors", "all.csv", folder=tmp_path)[1].split()
    some = said("energy", "m.safetensors", "some.csv", folder=tmp_path)[1].split()
    assert some == every[:3]
    assert float(some[1]) < float(some[2])
    assert said("energy", "m.safetensors", "two.csv", folder=tmp_path)[0] == 0
    code, out, _ = said("complete", "m.safetensors", "some.csv", folder=tmp_path)
    assert (code, out) == (0, "code,y\n01,-5\n01,5\n")


def test_a_fit_tells_what_was_done(folder):
    code, out, errors = fit(folder, "orders.csv")
    assert (code, out) == (0, "")
    assert f"{N} rows; columns: 2 numbers, 1 category, 1 truth value, 1 date or time" in errors
    assert "left out: 'id'" in errors
    assert "scaled by median and quartiles" in errors
    assert "held out" in errors
    assert len(errors.splitlines()) <= 6


def test_a_model_without_a_name_gets_one_and_nothing_is_overwritten(tmp_path):
    (tmp_path / "my.data.csv").write_text("x,y\n" + lines(X, Y))
    words = ("fit", "kmeans", "my.data.csv", "--n-clusters", 2)
    code, _, errors = said(*words, folder=tmp_path)
    assert code == 0
    assert "my.kmeans.safetensors written" in errors
    model = (tmp_path / "my.kmeans.safetensors").read_bytes()
    code, _, errors = said(*words, folder=tmp_path)
    assert code == 2
    assert "is there already; expected --out" in errors
    assert (tmp_path / "my.kmeans.safetensors").read_bytes() == model


@pytest.mark.parametrize("batch", [7, 1000])
def test_answers_come_in_order_beside_identifiers(folder, monkeypatch, batch):
    monkeypatch.setattr("thalweg.cli.batches.BATCH", batch)
    code, _, errors = said(
        "energy", "m.safetensors", "orders.csv", "--out", "e.csv", "--id", "day", folder=folder
    )
    assert code == 0, errors
    found = pl.read_csv(folder / "e.csv")
    assert found.columns == ["id", "day", "energy"]
    assert found["id"].to_list() == [f"A-{i}" for i in range(N)]
    table = thalweg.read_table(folder / "orders.csv")
    expected = thalweg.load(folder / "m.safetensors").energy(table)
    np.testing.assert_allclose(found["energy"], expected, rtol=1e-9)


@pytest.mark.parametrize("batch", [7, 1000])
def test_what_is_visible_is_left_as_it_was_written(folder, monkeypatch, batch):
    monkeypatch.setattr("thalweg.cli.batches.BATCH", batch)
    code, out, errors = said("complete", "m.safetensors", "orders.csv", folder=folder)
    assert code == 0, errors
    given = [line.split(",") for line in ORDERS.splitlines()]
    found = [line.split(",") for line in out.splitlines()]
    assert len(found) == len(given)
    filled = 0
    for old, new in zip(given, found, strict=True):
        for before, after in zip(old, new, strict=True):
            if before not in ("", "NA"):
                assert after == before
            else:
                assert after not in ("", "NA")
                filled += 1
    assert filled > 20
    days = pl.Series([row[5] for row in found[1:]])
    assert days.str.strptime(pl.Date, "%d.%m.%Y", strict=False).null_count() == 0
    assert {row[3] for row in found[1:]} == set(KINDS)


def test_a_parquet_file_has_types(folder):
    code, _, errors = said(
        "complete", "m.safetensors", "orders.csv", "--out", "f.parquet", folder=folder
    )
    assert code == 0, errors
    found = pl.read_parquet(folder / "f.parquet")
    assert list(found.schema.values()) == [
        pl.String, pl.Float64, pl.Float64, pl.String, pl.Boolean, pl.Date,
    ]  # fmt: skip
    assert sum(found.null_count().row(0)) == 0
    given = thalweg.read_table(folder / "orders.csv").frame
    assert found["y"].to_list() == given["y"].cast(pl.Float64).to_list()
    # and is asked about as the file of texts is
    full = said("energy", "m.safetensors", "f.parquet", "--out", "p.csv", folder=folder)
    assert full[0] == 0, full
    said("complete", "m.safetensors", "orders.csv", "--out", "f.csv", folder=folder)
    said("energy", "m.safetensors", "f.csv", "--out", "c.csv", folder=folder)
    energies = [pl.read_csv(folder / name)["energy"] for name in ("p.csv", "c.csv")]
    np.testing.assert_allclose(*energies, rtol=1e-6)


def test_a_table_of_identifiers_is_refused_in_one_line(tmp_path):
    (tmp_path / "a.csv").write_text("id,uuid\n" + lines(range(N), [f"u{i}" for i in range(N)]))
    code, out, errors = fit(tmp_path, "a.csv")
    assert (code, out) == (2, "")
    assert "nothing is left to learn from (2 identifiers)" in errors
    assert len(errors.strip().splitlines()) == 1
    assert not (tmp_path / "m.safetensors").exists()


def test_without_identifiers_there_are_energies_alone(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n" + lines(X, Y))
    fit(tmp_path, "a.csv")
    out = said("energy", "m.safetensors", "a.csv", folder=tmp_path)[1]
    assert out.splitlines()[0] == "energy"
    code, out, errors = fit(tmp_path, "a.csv", "--id", "nobody")
    assert code == 2
    assert "has no column 'nobody'" in errors


def test_compressed_files_and_standard_input_are_the_file(folder):
    expected = said("energy", "m.safetensors", "orders.csv", folder=folder)[1]
    (folder / "orders.csv.gz").write_bytes(gzip.compress(ORDERS.encode()))
    assert said("energy", "m.safetensors", "orders.csv.gz", folder=folder)[1] == expected
    code, out, errors = said("energy", "m.safetensors", "-", folder=folder, typed=ORDERS.encode())
    assert code == 0, errors
    assert out == expected
    code, _, errors = said(
        "fit", "kmeans", "-", "--out", "n.safetensors", "--n-clusters", 3, "--random-state", 0,
        folder=folder, typed=ORDERS.encode(),
    )  # fmt: skip
    assert code == 0, errors
    assert said("energy", "n.safetensors", "orders.csv", folder=folder)[1] == expected


def test_every_question_is_answered_of_a_table(folder):
    code, out, _ = said("codes", "m.safetensors", "orders.csv", folder=folder)
    assert (code, len(out.splitlines())) == (0, N + 1)
    assert out.startswith("id,")
    code, out, _ = said("project", "m.safetensors", "orders.csv", folder=folder)
    assert code == 0
    assert out.splitlines()[0] == "id,x,y,kind,paid,day"
    assert out.splitlines()[5].startswith("A-4,")
    code, out, _ = said("sample", "m.safetensors", "-n", 5, "--random-state", 0, folder=folder)
    drawn = [line.split(",") for line in out.splitlines()]
    assert code == 0
    assert drawn[0] == ["x", "y", "kind", "paid", "day"]
    assert {row[2] for row in drawn[1:]} <= set(KINDS)
    assert {row[3] for row in drawn[1:]} <= {"yes", "no"}
    assert pl.Series([row[4] for row in drawn[1:]]).str.contains(r"^\d\d\.\d\d\.2021$").all()
    code, _, errors = said("map", "m.safetensors", "orders.csv", "--out", "m.png",
                           "--resolution", 8, "--columns", "x,y", folder=folder)  # fmt: skip
    assert code == 0, errors
    assert (folder / "m.png").read_bytes().startswith(b"\x89PNG")


def test_rows_of_no_value_and_tables_of_none(folder):
    (folder / "none.csv").write_text("id,x,y,kind,paid,day\n")
    code, _, errors = said("energy", "m.safetensors", "none.csv", folder=folder)
    assert code == 2
    assert "no rows" in errors
    (folder / "silent.csv").write_text("id,x,y,kind,paid,day\nB-1,,,,,\n")
    code, out, errors = said("complete", "m.safetensors", "silent.csv", folder=folder)
    assert code == 0, errors
    assert "" not in out.splitlines()[1].split(",")


def test_python_says_what_the_command_line_does(folder):
    table = thalweg.read_table(folder / "orders.csv")
    model = KMeans(3, random_state=0).fit(table)
    out = said("energy", "m.safetensors", "orders.csv", folder=folder)[1]
    found = [float(line.split(",")[1]) for line in out.splitlines()[1:]]
    np.testing.assert_allclose(found, model.energy(table), rtol=1e-12)


def test_odd_cells_are_explained_and_energies_have_p_values(folder):
    code, _, errors = said("fit", "gaussian-mixture", "orders.csv", "--n-components", 3,
                           "--random-state", 0, "--folds", 3, "--out", "p.safetensors",
                           folder=folder)  # fmt: skip
    assert code == 0, errors
    spoiled = ORDERS.splitlines()
    cells = spoiled[6].split(",")
    spoiled[6] = ",".join([*cells[:2], "-90000", *cells[3:]])
    (folder / "spoiled.csv").write_text("\n".join(spoiled) + "\n")
    code, printed, errors = said("energy", "p.safetensors", "spoiled.csv", folder=folder)
    assert code == 0, errors
    energies = pl.read_csv(printed.encode())
    assert energies.columns == ["id", "energy", "p"]
    assert energies["p"].min() == energies["p"][5] <= 2 / 91
    code, printed, errors = said("explain", "p.safetensors", "spoiled.csv", "--top", 4,
                                 folder=folder)  # fmt: skip
    assert code == 0, errors
    told = pl.read_csv(printed.encode(), infer_schema=False)
    assert told.columns == ["id", "row", "column", "share", "value", "usual"]
    assert told.row(0)[:3] == ("A-5", "5", "y")
    assert told["value"][0] == "-90000"
    assert abs(float(told["usual"][0]) - Y[5] * 1e4) < 1e4
    shares = told["share"].cast(pl.Float64)
    assert shares.to_list() == sorted(shares, reverse=True)
    assert len(told) == 4


def test_cells_of_a_table_without_identifiers_are_explained(tmp_path):
    (tmp_path / "a.csv").write_text("x;y\n" + lines(X, Y, separator=";"))
    assert fit(tmp_path, "a.csv")[0] == 0
    code, printed, errors = said("explain", "m.safetensors", "a.csv", "--top", 2, folder=tmp_path)
    assert code == 0, errors
    assert printed.splitlines()[0] == "row;column;share;value;usual"
    assert len(printed.splitlines()) == 3


def test_rows_of_no_energy_have_nothing_to_explain(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n" + "1.5,2\n2.5,3\n" * 6)
    np.save(tmp_path / "a.npy", np.tile([[1.5, 2.0], [2.5, 3.0]], (6, 1)))
    for name in ("a.csv", "a.npy"):
        given = ("--n-clusters", 2, "--random-state", 0, "--out", f"{name}.m")
        assert said("fit", "kmeans", name, *given, folder=tmp_path)[0] == 0
        code, printed, errors = said("explain", f"{name}.m", name, folder=tmp_path)
        assert code == 0, errors
        assert printed.splitlines() == ["row,column,share,value,usual"]


def test_several_fillings_and_bounds_come_below_one_another(tmp_path):
    gaps = ["" if i % 7 == 0 else f"{y:.4f}" for i, y in enumerate(Y)]
    (tmp_path / "a.csv").write_text("x,y\n" + lines([f"{x:.4f}" for x in X], gaps))
    made = ("fit", "gaussian-mixture", "a.csv", "--out", "m.safetensors", "--quiet")
    assert said(*made, folder=tmp_path)[0] == 0
    asked = ("complete", "m.safetensors", "a.csv", "--random-state", "0")
    code, out, _ = said(*asked, "--draws", "3", folder=tmp_path)
    rows = [line.split(",") for line in out.splitlines()]
    assert (code, rows[0], len(rows)) == (0, ["draw", "x", "y"], 3 * N + 1)
    assert [row[0] for row in rows[1::N]] == ["0", "1", "2"]
    assert rows[2][1:] == rows[2 + N][1:]
    code, out, _ = said(*asked, "--interval", "0.9", folder=tmp_path)
    rows = [line.split(",") for line in out.splitlines()]
    assert (code, rows[0][0], rows[1][0], rows[1 + N][0]) == (0, "bound", "lower", "upper")
    assert float(rows[1][2]) < float(rows[1 + N][2])
    for options, message in (
        (("--draws", "2", "--interval", "0.5"), "expected one of them"),
        (("--interval", "1"), "interval must be"),
        (("--draws", "2", "--answer", "mean"), "is one filling"),
    ):
        code, _, errors = said(*asked, *options, folder=tmp_path)
        assert (code, message in errors) == (2, True)


def test_the_method_is_chosen_too(tmp_path):
    random = np.random.default_rng(0)
    t = random.normal(size=(80, 1))
    rows = t @ [[1.0, -2.0, 3.0]] + 0.1 * random.normal(size=(80, 3))
    pl.DataFrame(rows, schema=["a", "b", "c"]).write_csv(tmp_path / "t.csv")
    words = ("fit", "auto", "t.csv", "--random-state", 0)
    code, out, errors = said(*words, folder=tmp_path)
    assert (code, out) == (0, ""), errors
    lines = errors.splitlines()
    assert lines[0] == "thalweg: of what was hidden, the mean of each column leaves 1, and"
    assert lines[1].startswith("thalweg: 1. ")
    assert "KMeans(n_clusters=" in errors
    model = thalweg.load(tmp_path / "t.auto.safetensors")
    assert type(model).__name__ in lines[1]
    code, _, errors = said(*words, "--out", "q.st", "--quiet", "--folds", 2, folder=tmp_path)
    assert (code, errors) == (0, "")
    assert len(thalweg.load(tmp_path / "q.st").calibration_) == 80
    code, _, errors = said("fit", "auto", "t.csv", "--out", "t.csv", folder=tmp_path)
    assert code == 2
    assert "is what is read" in errors
