"""Language models on the command line."""

import gzip
import io

import numpy as np
import polars as pl
import pytest
from safetensors.torch import load_file

import thalweg
from commands import said

CATS = ["the cat sat on the mat", "the dog sat on the rug", "a cat and a dog met"]
SMALL = (
    "--layers", 1, "--width", 32, "--batch-tokens", 100, "--learning-rate", 0.05,
    "--random-state", 0,
)  # fmt: skip


def table(*words, folder, typed=b""):
    code, out, errors = said(*words, folder=folder, typed=typed)
    assert code == 0, errors
    return pl.read_csv(io.StringIO(out))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts")
    (path / "corpus.txt").write_text("\n".join(CATS * 20) + "\n\n")
    (path / "asked.txt").write_text("a cat sat\n\nthe dog met the cat\n")
    (path / "good.txt").write_text("\n".join(CATS))
    (path / "bad.txt").write_text("\n".join(" ".join(t.split()[::-1]) for t in [*CATS[:2], "x"]))
    words = ("fit", "masked-language-model", "corpus.txt", "--out", "model/", "--epochs", 60)
    code, out, errors = said(*words, *SMALL, folder=path)
    assert (code, out) == (0, ""), errors
    return path


def test_a_line_has_a_number(folder):
    found = table("energy", "model/", "asked.txt", folder=folder)
    model = thalweg.load(folder / "model")
    np.testing.assert_allclose(
        found["energy"], model.energy(["a cat sat", "", "the dog met the cat"]), rtol=1e-5
    )


def test_blanks_from_standard_input_are_filled_and_ranked(folder):
    found = table(
        "complete", "model/", "-", "--top", 3, folder=folder,
        typed=b"the cat sat on the [MASK]\na [MASK] and a [MASK] met\n",
    )  # fmt: skip
    assert found["line"].to_list() == [0, 0, 0, 1, 1, 1]
    assert found["rank"].to_list() == [1, 2, 3] * 2
    best = found.filter(pl.col("rank") == 1)
    assert best["text"].to_list() == [CATS[0], CATS[2]]
    assert best["filling"].to_list() == ["mat", "cat dog"]
    assert found["probability"].is_between(0, 1).all()
    assert (np.diff(found["probability"][:3]) <= 0).all()
    assert (np.diff(found["energy"][3:]) >= 0).all()


def test_codes_go_to_a_file(folder):
    code, out, errors = said("codes", "model/", "asked.txt", "--out", "codes.npy", folder=folder)
    assert (code, out) == (0, ""), errors
    assert np.load(folder / "codes.npy").shape == (3, 32)


def test_texts_are_drawn(folder):
    words = ("sample", "model/", "-n", 3, "--random-state", 1)
    assert table(*words, folder=folder).height == 3
    drawn = table(*words, "--text", "the [MASK] sat", folder=folder)["text"]
    assert drawn.str.contains(r"^the \S+ sat$").all()


def test_pairs_are_compared(folder):
    found = table(
        "energy", "model/", "--pairs", "good.txt", "bad.txt", "--out", "pairs.csv", folder=folder
    )
    energies = pl.read_csv(folder / "pairs.csv")
    share = float(np.mean(energies["good"].to_numpy() < energies["bad"].to_numpy()))
    assert found.row(0) == (3, pytest.approx(share))
    assert share >= 2 / 3
    tie = table("energy", "model/", "--pairs", "good.txt", "good.txt", folder=folder)
    assert tie["share"].item() == 0.5


def test_zipped_and_typed_corpora_teach_the_same(folder):
    with gzip.open(folder / "corpus.gz", "wt") as file:
        file.write((folder / "corpus.txt").read_text())
    found = []
    for data, typed in (("corpus.gz", b""), ("-", (folder / "corpus.txt").read_bytes())):
        words = ("fit", "masked-language-model", data, "--out", "other", "--epochs", 1)
        code, _, errors = said(*words, *SMALL, folder=folder, typed=typed)
        assert code == 0, errors
        found.append(load_file(folder / "other" / "model.safetensors"))
    for name, tensor in found[0].items():
        assert (tensor == found[1][name]).all(), name


def test_a_long_text_is_said_in_one_line(folder):
    code, _, errors = said("energy", "model/", "-", folder=folder, typed=b"cat " * 300)
    assert code == 0
    assert errors.count("\n") == 1
    assert "1 of 1 texts are longer than 126 tokens" in errors


FIT = ("fit", "masked-language-model")


@pytest.mark.parametrize(
    ("words", "typed", "named"),
    [
        (("complete", "model", "-"), b"no blank", ("text 0 has no [MASK]",)),
        (("energy", "model", "-"), b"fine\ncaf\xe9\n", ("standard input, line 2", "0xe9", "UTF-8")),
        (("energy", "model", "-"), b"a\0b", ("standard input, line 1", "zero byte")),
        (("energy", "model", "none.txt"), b"", ("none.txt", "no such file")),
        (("energy", "model"), b"", ("DATA is missing",)),
        (("energy", "model", "--pairs", "good.txt", "corpus.txt"), b"", ("3 lines", "61")),
        (("energy", "model", "-", "--pairs", "good.txt", "bad.txt"), b"", ("takes the place",)),
        (("complete", "model", "-", "--answer", "mean"), b"[MASK]", ("--answer",)),
        (("project", "model", "asked.txt"), b"", ("no project",)),
        (("map", "model", "asked.txt", "--out", "m.png"), b"", ("no plane",)),
        (("sample", "model", "--text", "none"), b"", ("no [MASK]",)),
        ((*FIT, "-", "--out", "m"), b"\n\n", ("corpus is empty",)),
        ((*FIT, "corpus.txt", "--out", "m", "--vocabulary-size", "8000"), b"", ("8000", "fewer")),
        ((*FIT, "corpus.txt", "--out", "good.txt"), b"", ("good.txt is a file",)),
        ((*FIT, "corpus.txt", "--out", "none/m"), b"", ("none", "does not exist")),
        ((*FIT, "corpus.txt", "--out", "m", "--width", "31"), b"", ("width", "multiple")),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(folder, words, typed, named):
    code, out, errors = said(*words, folder=folder, typed=typed)
    assert code == 2
    assert out == ""
    assert errors.count("\n") == 1
    assert errors.startswith("thalweg: ")
    for name in named:
        assert name in errors


def test_what_is_unusual_in_a_text_and_several_fillings(folder):
    sat = "the cat sat on the mat\nmat the cat sat on the\n"
    (folder / "sat.txt").write_text(sat)
    words = ("explain", "model/", "sat.txt", "--top", 3, "--figure", "t.png")
    found = table(*words, folder=folder)
    model = thalweg.load(folder / "model")
    told = model.explain(sat.splitlines())
    assert found.columns == ["line", "token", "share", "value", "usual"]
    assert list(found.select("line", "token").iter_rows()) == told.most(3)
    assert found["value"][0] == told.columns[found["line"][0]][found["token"][0]]
    assert (folder / "t.png").stat().st_size > 1000
    (folder / "blank.txt").write_text("the [MASK] sat\n\na [MASK]\n")
    words = ("complete", "model/", "blank.txt", "--draws", 2, "--random-state", 0)
    found = table(*words, folder=folder)
    drawn = model.complete(["the [MASK] sat", "a [MASK]"], draws=2, random_state=0)
    assert found["draw"].to_list() == [0, 0, 1, 1]
    assert found["line"].to_list() == [0, 2, 0, 2]
    assert found["text"].to_list() == [*drawn[0], *drawn[1]]


def test_texts_that_were_not_learned_from_say_how_rare_others_are(folder):
    words = ("fit", "masked-language-model", "corpus.txt", "--out", "rare/", "--epochs", 5)
    code, _, errors = said(*words, *SMALL, "--calibrate", "good.txt", folder=folder)
    assert code == 0, errors
    found = table("energy", "rare/", "asked.txt", folder=folder)
    model = thalweg.load(folder / "rare")
    np.testing.assert_allclose(found["p"], model.p_values(["a cat sat", "", "the dog met the cat"]))
    assert len(model.calibration_) == 3
