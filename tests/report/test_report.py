"""The page on a table: what it says is so, and it is a page of its own."""

import html
import re
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from thalweg.core import InputError
from thalweg.data.columns import Table
from thalweg.demo import messy_wines
from thalweg.estimators import GaussianMixture
from thalweg.report import look_at, report
from thalweg.report.columns import short
from thalweg.report.unusual import one_in


@pytest.fixture(scope="module")
def wines():
    return messy_wines()


@pytest.fixture(scope="module")
def found(wines):
    return look_at(Table(wines, "wines.csv"), seed=0, n_steps=300)


@pytest.fixture(scope="module")
def folder(wines, tmp_path_factory):
    place = tmp_path_factory.mktemp("report")
    wines.write_csv(place / "wines & <b>.csv")
    report(place / "wines & <b>.csv", place / "out", n_steps=100)
    return place / "out"


def test_what_was_planted_is_found_and_said_why(found, wines):
    rows = {row.number: row for row in found.unusual.shown}
    assert {4, 77} <= set(rows)
    assert len(rows) <= 5
    assert rows[4].cells[0].column == "ash"
    assert rows[4].cells[0].value == "28.7"
    assert 1.5 < float(rows[4].cells[0].usual) < 3.5
    assert rows[77].cells[0].column == "proline"
    assert rows[4].identified == ["W004"]
    assert list(found.unusual.chosen) == list(rows)


def test_gaps_are_counted_and_filled(found, wines):
    assert found.gaps.total == sum(wines.null_count().row(0))
    assert found.gaps.rows == sum(any(cell is None for cell in row) for row in wines.rows())
    assert found.gaps.whole.null_count().sum_horizontal().item() == 0
    inside = [float(c.lower) <= float(c.value) <= float(c.upper) for c in found.gaps.shown
              if c.column not in ("cultivar", "bottled") and c.lower != c.upper]  # fmt: skip
    assert np.mean(inside) > 0.95


def test_columns_are_what_they_are(found, wines):
    facts = {column.name: column for column in found.columns}
    assert list(facts) == wines.columns
    assert facts["bottle"].kind == "identifier"
    assert facts["cultivar"].kind == "category"
    assert facts["ash"].missing == wines["ash"].null_count()
    low, high = wines["alcohol"].min(), wines["alcohol"].max()
    assert facts["alcohol"].middle.startswith(f"{short(low)} to {short(high)}")
    assert max(facts["alcohol"].heights) == 1
    assert facts["cultivar"].told > 0.5
    assert facts["cultivar"].told > facts["ash"].told


def test_groups_are_the_cultivars(found):
    groups = found.groups.groups
    assert len(groups) in (3, 4)
    assert sum(group.size for group in groups) == 178
    named = " ".join(text for group in groups for text in group.typical)
    for cultivar in ("Barolo", "Grignolino", "Barbera"):
        assert cultivar in named


def test_columns_that_belong_together_are_named():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 400))
    frame = pl.DataFrame({"a": a, "b": b, "twice": 2 * a + 0.1 * random.normal(size=400)})
    relations = look_at(Table(frame), n_steps=600).relations
    loss = dict(zip(relations.names, relations.loss, strict=True))
    place = {name: i for i, name in enumerate(relations.names)}
    assert set(place) == {"a", "twice"}
    assert loss["twice"][place["a"]] > 0.7
    assert relations.sentences[0].startswith(("a says most about twice", "twice says most about a"))


def test_a_table_without_anything_to_tell():
    random = np.random.default_rng(0)
    frame = pl.DataFrame(random.normal(size=(300, 3)), schema=["x", "y", "z"])
    found = look_at(Table(frame), n_steps=100)
    assert len(found.unusual.chosen) <= 1
    assert len(found.unusual.shown) in (1, 5)
    assert found.gaps.total == 0
    assert not found.groups.groups
    assert not found.relations.sentences


def test_a_model_of_ones_own_says_what_is_unusual(wines):
    table = Table(wines)
    model = GaussianMixture(random_state=0, reg_covar=1e-2).fit(table)
    found = look_at(table, model, n_steps=50)
    assert found.method == "GaussianMixture"
    assert {4, 77} <= {row.number for row in found.unusual.shown}
    with pytest.raises(InputError, match="expected one of tables"):
        look_at(table, GaussianMixture().fit(np.random.default_rng(0).normal(size=(30, 2))))


def test_the_page_is_one_file_that_asks_for_nothing(folder):
    page = (folder / "report.html").read_text()
    assert "wines &amp; &lt;b&gt;.csv" in page
    assert "<b>.csv" not in page
    assert not re.search(r"(src|href)=\"(?!data:image/png;base64,|#)", page)
    assert "http" not in page.replace("http-equiv", "")
    for name in ("bottle", "W004", "28.7", "alcalinity_of_ash"):
        assert html.escape(name) in page
    filled = pl.read_csv(folder / "filled.csv")
    assert filled.height == 178
    assert filled.null_count().sum_horizontal().item() == 0
    unusual = pl.read_csv(folder / "unusual.csv")
    assert {"W004", "W077"} <= set(unusual["bottle"])
    assert (unusual["energy"].diff().drop_nulls() <= 0).all()


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame({"a": [1.0, 2.0], "b": [3.0, None]}), None),
        (pl.DataFrame({"a": [1.0]}), None),
        (pl.DataFrame({"w": ["x", "y", "x"] * 20}), None),
        (pl.DataFrame({"a": [5.0] * 40, "b": [*range(40)]}), None),
        (pl.DataFrame({"a": [None, None]}), "nothing is left to learn from"),
    ],
)
def test_small_tables(frame, message, tmp_path):
    if message:
        with pytest.raises(InputError, match=message):
            report(frame, tmp_path / "out")
        assert not (tmp_path / "out").exists()
        return
    assert report(frame, tmp_path / "out", n_steps=10).exists()


@pytest.mark.parametrize(("p", "said"), [(0.5, "2"), (0.04, "25"), (1.234e-4, "8,100"),
                                         (1e-12, "over a billion")])  # fmt: skip
def test_odds_are_said_in_two_digits(p, said):
    assert one_in(p) == said


def test_the_command(folder, tmp_path):
    messy = folder.parent / "wines & <b>.csv"
    run = subprocess.run(
        [sys.executable, "-m", "thalweg.cli", "report", str(messy), "--out", str(messy)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 2
    assert "is what is read" in run.stderr
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))
    run = subprocess.run(
        [sys.executable, "-m", "thalweg.cli", "report", "a.npy", "--out", "out"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert run.returncode == 2
    assert "is an array; a report is of a table" in run.stderr


def test_files_are_written_as_the_table_is_and_long_cells_are_cut(tmp_path):
    random = np.random.default_rng(0)
    words = ["a short note", "another one, " * 30]
    lines = ["name;note;x;y"]
    for i in range(60):
        x = random.normal()
        note = words[i % 2]
        lines.append(f"row {i};{note};{x:.3f};{'' if i == 7 else f'{2 * x:.3f}'}")
    lines[31] = f"row 30;{words[0]};0.1;900.0"
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    page = report(tmp_path / "t.csv", tmp_path / "out", n_steps=20, random_state=0)
    whole = pl.read_csv(tmp_path / "out" / "filled.csv", separator=";")
    assert whole.columns == ["name", "note", "x", "y"]
    assert whole["y"].null_count() == 0
    assert pl.read_csv(tmp_path / "out" / "unusual.csv", separator=";").width == 6
    text = page.read_text()
    # in a title, not in the table
    shown = re.sub(r'title="[^"]*"', "", text)
    assert "another one, " * 6 not in shown
    assert text.startswith("<!doctype html>")
