"""How a command ends: one line and status 2 for what a user can mend, whatever it is."""

import errno
import io
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import thalweg.cli.answers
from commands import said
from thalweg.cli import outcome
from thalweg.core import InputError, Integer, Real, Sizes, available_memory, check_memory, memory
from thalweg.estimators import GLO, PCA, EnergyDensity, GaussianMixture
from thalweg.questions import Plane, landscape
from thalweg.training import Diverged

CSV = "a,b,c\n1,2,red\n3,4,blue\n1.5,2.5,red\n9,9,blue\n8,9,blue\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("ends")
    (path / "x.csv").write_text(CSV)
    np.save(path / "x.npy", np.random.default_rng(0).normal(size=(12, 3)))
    for name in ("x.csv", "x.npy"):
        words = ("fit", "gaussian-mixture", name, "--out", name[2:], "--n-components", 1,
                 "--quiet")  # fmt: skip
        assert said(*words, folder=path) == (0, "", "")
    return path


def refused(*words, folder):
    """The one line that a command ends with."""
    status, out, errors = said(*words, folder=folder)
    assert (status, out) == (2, "")
    lines = errors.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("thalweg: ")
    assert "mistake in thalweg" not in lines[0]
    return lines[0]


def npy(header="{'descr': '<f8', 'fortran_order': False, 'shape': (12, 3), }"):
    text = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + bytes(288)


def archive():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("a.npy", npy())
    return file.getvalue()


def array(values):
    file = io.BytesIO()
    np.save(file, values, allow_pickle=True)
    return file.getvalue()


ARRAYS = {
    "whole": None,
    "no_rows": array(np.zeros((0, 3))),
    "no_columns": array(np.zeros((3, 0))),
    "huge": npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10**15}, 3), }}"),
    "beyond": npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10**30}, 3), }}"),
    "product": npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({2**62}, {2**62}), }}"),
    "negative": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-12, 3), }"),
    "words": npy("{'descr': '<f8', 'fortran_order': False, 'shape': 'ab', }"),
    "open": npy("(" * 100),
    "code": npy("__import__('os').system('touch ran')"),
    "several": archive(),
    "objects": array(np.array([[1, "a"]], dtype=object)),
    "fields": array(np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")])),
    "cube": array(np.zeros((2, 2, 2))),
    "cut": npy()[:60],
    "empty": b"",
}


@pytest.mark.parametrize("kind", [kind for kind in ARRAYS if kind != "whole"])
@pytest.mark.parametrize("verb", ["fit", "energy", "complete"])
def test_an_array_that_is_none_is_named(folder, kind, verb):
    (folder / "bad.npy").write_bytes(ARRAYS[kind])
    (folder / "old").write_text("old")
    words = ("fit", "pca", "bad.npy") if verb == "fit" else (verb, "npy", "bad.npy")
    assert "bad.npy" in refused(*words, "--out", "old", folder=folder)
    assert (folder / "old").read_text() == "old"
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("kind", ["several", "negative", "beyond", "open", "objects"])
def test_arrays_of_images_and_clips_are_read_by_the_same_rules(folder, kind):
    (folder / "bad.npy").write_bytes(ARRAYS[kind])
    for method in ("masked-image-model", "next-frame"):
        line = refused("fit", method, "bad.npy", "--out", "new", folder=folder)
        assert "bad.npy" in line


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ((), None),
        (("nothing",), "nothing"),
        (("energy",), "thalweg energy --help"),
        (("fit", "kmeans"), "'data'"),
        (("fit", "kmeans", "x.csv", "--out", "o", "--nothing", 3), "--nothing"),
        (("fit", "pca", "x.csv", "--out", "o", "--n-components", "9" * 20), "n_components"),
        (("fit", "pca", "x.csv", "--out", "o", "--n-components", "9" * 5000), "n_components"),
        (("fit", "kmeans", "x.csv", "--out", "o", "--random-state", -1), "random_state"),
        (("fit", "kmeans", "x.csv", "--out", "o", "--tol", "1e400"), "tol"),
        (("sample", "csv", "--random-state", -1), "random_state"),
        (("sample", "csv", "-n", 0), "n must be"),
        (("sample", "csv", "-n", "9" * 11), "n must be"),
        (("sample", "csv", "-n", 2 * 10**9), "n=2000000000"),
        (("sample", "csv", "-n", "²"), "-n"),
        (("map", "npy", "x.npy", "--out", "m.png", "--resolution", 100_000), "resolution"),
        (("fit", "latent-regressor", "x.npy", "--out", "o", "--targets", "²"), "--targets"),
        (("fit", "latent-regressor", "x.npy", "--out", "o", "--targets=--1"), "--targets"),
        (("fit", "latent-regressor", "x.npy", "--out", "o", "--targets", "9" * 20), "--targets"),
        (("energy", "csv", "x" * 300), "File name too long"),
        (("energy", "csv", "not_utf8_\udcff"), "not_utf8_\\udcff"),
        (("energy", "csv", "two\nlines"), "two lines"),
        (("energy", "csv", "\x1b[31mred"), "\\x1b[31mred"),
    ],
)
def test_what_a_user_can_mend_is_one_line(folder, words, named):
    if named is None:
        assert said(*words, folder=folder)[0] == 0
    else:
        assert named in refused(*words, folder=folder)


def test_training_that_diverges_says_of_what_and_what_helps(folder):
    words = ("fit", "energy-density", "x.npy", "--out", "o", "--n-steps", 5, "--hidden", 4,
             "--learning-rate", 1e30)  # fmt: skip
    line = refused(*words, folder=folder)
    assert "x.npy" in line
    assert "learning rate" in line
    assert issubclass(Diverged, InputError)
    assert issubclass(Diverged, RuntimeError)


@pytest.mark.parametrize(
    ("raised", "status", "line"),
    [
        (InputError("x.csv: odd"), 2, "thalweg: x.csv: odd\n"),
        (OSError(errno.ENOSPC, "No space left on device", "o.csv"), 2,
         "thalweg: o.csv: No space left on device\n"),
        (KeyboardInterrupt(), 130, "thalweg: interrupted\n"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 0, ""),
        (MemoryError("9 GiB"), 2, "thalweg: there is not enough memory (9 GiB); expected fewer "
         "rows or smaller sizes\n"),
        (np.linalg.LinAlgError("no end"), 2, "thalweg: the columns cannot be decomposed (no end); "
         "expected numbers of moderate size, such as standardized ones\n"),
    ],
)  # fmt: skip
def test_whatever_is_raised_is_said_once(folder, monkeypatch, raised, status, line):
    def fails(*given):
        raise raised

    monkeypatch.setattr(thalweg.cli.answers, "codes", fails)
    assert said("codes", "csv", "x.csv", folder=folder) == (status, "", line)


def test_a_mistake_of_thalweg_says_so_and_shows_itself_when_asked(folder, monkeypatch):
    def fails(*given):
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr(thalweg.cli.answers, "codes", fails)
    status, _, errors = said("codes", "csv", "x.csv", folder=folder)
    assert status == 2
    assert len(errors.splitlines()) == 1
    assert "a mistake in thalweg" in errors
    assert "ZeroDivisionError: division by zero" in errors
    assert "THALWEG_DEBUG=1" in errors
    monkeypatch.setenv("THALWEG_DEBUG", "1")
    status, _, errors = said("codes", "csv", "x.csv", folder=folder)
    assert status == 2
    assert errors.startswith("Traceback")


def test_streams_that_are_full_or_closed(folder):
    command = f"{sys.executable} -m thalweg.cli --version"
    script = (
        f"{command} >/dev/full; echo $?; {command} >&-; echo $?\n"
        f"{command} | true; echo ${{PIPESTATUS[0]}}; {command} 2>&- >/dev/full; echo $?"
    )
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["2", "2", "0", "2"]
    assert done.stderr.splitlines() == [
        f"thalweg: standard output cannot be written ({why}); expected it open, or --out"
        for why in ("No space left on device", "it is closed")
    ]


def test_an_answer_is_utf_8_wherever_it_goes(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii"))
    with outcome.told():
        outcome.write("grün \udcff\n")
    assert raw.getvalue() == "grün \\udcff\n".encode()


def test_what_is_not_named_gets_the_name_of_the_data():
    for said_of, whole in (("no such row", "o.csv: no such row"), ("o.csv: odd", "o.csv: odd"),
                           ("m: odd", "m: odd"), ("some rows", "o.csv: some rows")):  # fmt: skip
        with pytest.raises(InputError) as refusal, outcome.about("o.csv", "m", None):
            raise InputError(said_of)
        assert str(refusal.value) == whole


@pytest.mark.parametrize("what", ["loop.csv", "folder.csv", "/dev/null", ""])
def test_what_is_no_file_is_refused_at_once(folder, what):
    if what == "loop.csv" and not os.path.lexists(folder / what):
        (folder / what).symlink_to(what)
    if what == "folder.csv":
        (folder / what).mkdir(exist_ok=True)
    assert what in refused("energy", "csv", what, folder=folder)


def test_bounds_are_data():
    assert Integer(1, high=9).describe() == "a whole number from 1 to 9"
    assert Integer(1, high=9).allows(9)
    assert not Integer(1, high=9).allows(10)
    assert not Integer(1).allows(10**20)
    assert Sizes(high=9).allows((9, 9))
    assert not Sizes(high=9).allows((10,))
    assert not Sizes().allows((1,) * 1001)
    assert not Real(0).allows(10**400)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (GLO(100_000, hidden=(1_000_000,), n_steps=1), "GLO with n_components=100000, hidden="),
        (EnergyDensity(hidden=(1_000_000, 1_000_000)), "EnergyDensity with hidden=(1000000, "),
        (GaussianMixture(1, n_pooled=10_000), "GaussianMixture with n_pooled=10000"),
    ],
)
def test_sizes_that_memory_cannot_hold_are_refused_before_work(monkeypatch, model, named):
    monkeypatch.setattr(memory, "available_memory", lambda: 100_000)
    with pytest.raises(InputError, match=r"of memory; .* available") as refusal:
        model.fit(np.random.default_rng(0).normal(size=(20, 3)))
    assert str(refusal.value).startswith(named)


def test_what_memory_can_hold_is_not_refused():
    there = available_memory()
    assert there is None or there > 2**20
    check_memory(1000, "a thousand bytes")
    PCA(2).fit(np.random.default_rng(0).normal(size=(20, 3)))


def test_a_landscape_is_asked_about_in_parts_and_has_bounds():
    import torch

    asked = []

    def energy(y):
        asked.append(len(y))
        return (y**2).sum(dim=1)

    plane = Plane(torch.zeros(2), torch.eye(2))
    drawn = landscape(energy, plane, (-1, -1), (1, 1), 300)
    assert max(asked) == 65_536
    assert drawn.energy.shape == (300, 300)
    assert drawn.energy[299, 0] == 2
    with pytest.raises(InputError, match=r"resolution must be a whole number from 2 to 4,096"):
        landscape(energy, plane, (-1, -1), (1, 1), 1)
