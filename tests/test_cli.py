from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from commands import said
from thalweg.estimators import KMeans

CSV = "a,b,c\n1,2,red\n3,,blue\n1.5,2.5,\n9,9,blue\n8,9,blue\n"


def run(*words, folder):
    return SimpleNamespace(**dict(zip(("returncode", "stdout", "stderr"),
                                      said(*words, folder=folder), strict=True)))  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli")
    (path / "x.csv").write_text(CSV)
    done = run("fit", "kmeans", "x.csv", "--out", "m.safetensors", "--n-clusters", 2,
               "--random-state", 0, folder=path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return path


def test_energy_is_that_of_python(folder):
    X = np.random.default_rng(0).normal(size=(50, 3))
    np.save(folder / "x.npy", X)
    assert run("fit", "kmeans", "x.npy", "--out", "n.safetensors", "--n-clusters", 4,
               "--random-state", 0, folder=folder).returncode == 0  # fmt: skip
    assert run("energy", "n.safetensors", "x.npy", "--out", "e.npy", folder=folder).returncode == 0
    expected = KMeans(4, random_state=0).fit(X).energy(X)
    np.testing.assert_allclose(np.load(folder / "e.npy"), expected, rtol=1e-12, atol=1e-12)


def test_complete_keeps_the_table(folder):
    done = run("complete", "m.safetensors", "x.csv", "--out", "f.parquet", folder=folder)
    assert done.returncode == 0, done.stderr
    filled = pl.read_parquet(folder / "f.parquet")
    given = pl.read_csv(folder / "x.csv")
    assert filled.columns == ["a", "b", "c"]
    assert sum(filled.null_count().row(0)) == 0
    for name in filled.columns:
        known = given[name].is_not_null()
        assert (filled[name].filter(known) == given[name].filter(known)).all()


@pytest.mark.parametrize(
    "words",
    [("codes", "m.safetensors", "x.csv"), ("project", "m.safetensors", "x.csv"),
     ("sample", "m.safetensors", "-n", 3), ("energy", "m.safetensors", "x.csv")],
)  # fmt: skip
def test_every_question_answers_on_standard_output(folder, words):
    done = run(*words, folder=folder)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == (4 if words[0] == "sample" else 6)


def test_map_draws(folder):
    done = run("map", "m.safetensors", "x.csv", "--out", "m.png", folder=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "m.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("a,b,c\n", "no rows"),
        ("a,b,c\n1,2\n", "line 2 has 2 fields; expected 3"),
        ("d\n1\n", "columns are 'd'; expected those of training: 'a', 'b', 'c'"),
    ],
)
def test_bad_data_is_one_line_and_status_2(folder, content, message):
    (folder / "bad.csv").write_text(content)
    (folder / "out.csv").write_text("old")
    done = run("energy", "m.safetensors", "bad.csv", "--out", "out.csv", folder=folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert (folder / "out.csv").read_text() == "old"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b,c\n1,x,red\n", "row 0, column 'b' is 'x'; expected a number"),
        ("a,b,c\n1,2,red\ninf,2,red\n", "row 1, column 'a' is 'inf'; expected a number"),
    ],
)
def test_a_bad_cell_is_missing_or_refused(folder, content, message):
    (folder / "bad.csv").write_text(content)
    words = ("energy", "m.safetensors", "bad.csv")
    status, bad, errors = said(*words, folder=folder)
    assert (status, errors) == (
        0, f"thalweg: warning: bad.csv: {message}, and is taken as missing\n"
    )  # fmt: skip
    (folder / "good.csv").write_text(content.replace("x", "").replace("inf", ""))
    assert said("energy", "m.safetensors", "good.csv", folder=folder) == (0, bad, "")
    assert said(*words, "--bad-cells", "refuse", folder=folder) == (
        2, "", f"thalweg: bad.csv: {message}\n"
    )  # fmt: skip
    assert said(*words, "--quiet", folder=folder) == (0, bad, "")


def energy_of(folder, content):
    (folder / "ask.csv").write_text(content)
    status, out, errors = said("energy", "m.safetensors", "ask.csv", folder=folder)
    assert status == 0, errors
    return float(out.splitlines()[1]), errors


def test_columns_are_known_by_name(folder):
    energy, errors = energy_of(folder, "a,b,c\n1,2,red\n")
    assert errors == ""
    assert energy_of(folder, "c,a,b\nred,1,2\n") == (energy, "")
    more, errors = energy_of(folder, "a,b,c,d\n1,2,red,4\n")
    assert more == energy
    assert "'d' was no column of training and is left out" in errors
    missing, errors = energy_of(folder, "a,b\n1,2\n")
    assert "no column 'c', taken as missing in every row" in errors
    assert energy_of(folder, "a,b,c\n1,2,\n") == (missing, "")


def test_a_word_never_seen_is_unlikely(folder):
    seen = [energy_of(folder, f"a,b,c\n1,2,{word}\n")[0] for word in ("red", "blue")]
    energy, errors = energy_of(folder, "a,b,c\n1,2,green\n")
    assert errors == ""
    assert energy > max(seen) + 1
    assert np.isfinite(energy_of(folder, "a,b,c\n,,\n")[0])


def test_fit_gives_an_account_and_names_the_model(tmp_path):
    (tmp_path / "x.csv").write_text(CSV)
    status, out, errors = said("fit", "kmeans", "x.csv", "--n-clusters", 2, folder=tmp_path)
    assert (status, out) == (0, "")
    assert "5 rows; columns: 2 numbers, 1 category" in errors
    assert "x.kmeans.safetensors written" in errors
    assert (tmp_path / "x.kmeans.safetensors").is_file()
    status, out, errors = said("fit", "kmeans", "x.csv", "--n-clusters", 2, folder=tmp_path)
    assert (status, out) == (2, "")
    assert "x.kmeans.safetensors is there already; expected --out" in errors
    words = ("fit", "kmeans", "x.csv", "--n-clusters", 2, "--out", "m", "--quiet")
    assert said(*words, folder=tmp_path) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fit", "kmeans", "x.csv", "--out", "o.safetensors", "--n-clusters", 0), "n_clusters"),
        (("fit", "kmeans", "x.csv", "--out", "o.safetensors", "--n-clusters", 9), "distinct rows"),
        (("fit", "kmeans", "x.csv", "--out", "o.safetensors", "--beta", 0), "beta must be"),
        (("fit", "kmeans", "x.csv", "--out", "no/o.safetensors"), "does not exist"),
        (("energy", "x.csv", "x.csv"), "not a model of thalweg"),
        (("energy", "none.safetensors", "x.csv"), "no such file"),
    ],
)
def test_bad_requests_are_one_line_and_status_2(folder, words, message):
    done = run(*words, folder=folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("fit", "kmeans", "x.csv", "--out", "x.csv"),
        ("fit", "kmeans", "x.csv", "--out", "./x.csv"),
        ("energy", "m.safetensors", "x.csv", "--out", "x.csv"),
        ("complete", "m.safetensors", "x.csv", "--out", "x.csv"),
        ("codes", "m.safetensors", "x.csv", "--out", "m.safetensors"),
        ("project", "link.csv", "x.csv", "--out", "m.safetensors"),
        ("sample", "m.safetensors", "--out", "m.safetensors"),
    ],
)
def test_nothing_is_written_over_what_is_read(folder, words):
    if not (folder / "link.csv").exists():
        (folder / "link.csv").symlink_to("m.safetensors")
    before = {name: (folder / name).read_bytes() for name in ("x.csv", "m.safetensors")}
    status, told, errors = said(*words, folder=folder)
    assert status == 2
    assert "is what is read; expected another name" in errors
    assert not told
    for name, content in before.items():
        assert (folder / name).read_bytes() == content


def test_a_model_has_no_name_of_a_table(folder):
    status, _, errors = said("fit", "kmeans", "x.csv", "--out", "new.csv", folder=folder)
    assert status == 2
    assert "expected the name of a model" in errors
    assert not (folder / "new.csv").exists()


def test_a_conditional_model_predicts_columns(folder):
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, size=200)
    y = random.choice([-1, 1], size=200) * (2 + x)
    pl.DataFrame({"x": x, "y": y}).write_csv(folder / "xy.csv")
    done = run("fit", "latent-regressor", "xy.csv", "--out", "r.safetensors", "--targets", "y",
               "--n-steps", 300, "--random-state", 0, folder=folder)  # fmt: skip
    assert done.returncode == 0, done.stderr
    pl.DataFrame({"x": [0.0, 0.5], "y": [None, -2.5]}).write_csv(folder / "ask.csv")
    done = run("complete", "r.safetensors", "ask.csv", folder=folder)
    assert done.returncode == 0, done.stderr
    rows = [line.split(",") for line in done.stdout.splitlines()[1:]]
    assert abs(float(rows[0][1])) == pytest.approx(2, abs=0.3)
    assert rows[1] == ["0.5", "-2.5"]
    for verb in ("energy", "codes", "project"):
        done = run(verb, "r.safetensors", "xy.csv", folder=folder)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 201
    done = run("map", "r.safetensors", "xy.csv", "--out", "r.png", folder=folder)
    assert done.returncode == 0, done.stderr
    done = run("sample", "r.safetensors", folder=folder)
    assert done.returncode == 2
    assert "draws y for given x" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fit", "latent-regressor", "x.csv", "--out", "o.st", "--targets", "q"), "expected col"),
        (("fit", "sparse-coding", "x.csv", "--out", "o.st", "--alpha", "much"), "alpha must be"),
        (("fit", "glo", "x.csv", "--out", "o.st", "--hidden", "0,4"), "hidden must be"),
    ],
)
def test_bad_requests_of_other_methods(folder, words, message):
    done = run(*words, folder=folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_method_that_cannot_sample_says_so(folder):
    done = run("fit", "pca", "x.csv", "--out", "p.safetensors", "--n-components", 1, folder=folder)
    assert done.returncode == 0, done.stderr
    done = run("sample", "p.safetensors", folder=folder)
    assert done.returncode == 2
    assert "PCA cannot answer this: it has no sample" in done.stderr


def test_training_is_kept_and_goes_on(folder):
    X = np.random.default_rng(0).normal(size=(200, 2))
    np.save(folder / "y.npy", X)
    words = ("fit", "energy-density", "y.npy", "--n-steps", 40, "--hidden", "8",
             "--random-state", 0, "--every", 15)  # fmt: skip
    plain = run(*words, "--out", "plain.safetensors", folder=folder)
    assert plain.returncode == 0, plain.stderr
    keep = ("--checkpoint", "kept", "--resume")
    first = run(*words, "--out", "first.safetensors", *keep, folder=folder)
    assert first.returncode == 0, first.stderr
    # as if it had been killed after the first checkpoint that is still there
    (folder / "kept" / "step-000000030.safetensors").unlink()
    again = run(*words, "--out", "again.safetensors", *keep, folder=folder)
    assert again.returncode == 0, again.stderr
    plain, *others = (load_file(folder / f"{n}.safetensors") for n in ("plain", "first", "again"))
    for other in others:
        assert set(other) == set(plain)
        for name, values in plain.items():
            np.testing.assert_array_equal(other[name], values)
    taken = run(*words, "--out", "z.safetensors", "--checkpoint", "kept", folder=folder)
    assert taken.returncode == 2
    assert "is there already; expected resume" in taken.stderr
    assert len(taken.stderr.splitlines()) == 1
    alone = run(*words, "--out", "z.safetensors", "--resume", folder=folder)
    assert alone.returncode == 2
    assert "no checkpoint folder was given" in alone.stderr


@pytest.mark.parametrize("word", ["KMeans", "kmean"])
def test_a_misspelt_method_is_guessed(word, tmp_path):
    status, _, errors = said("fit", word, folder=tmp_path)
    assert status == 2
    assert f"No such command '{word}'. Did you mean 'kmeans'?" in " ".join(errors.split())
