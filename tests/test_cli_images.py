"""Images and clips on the command line."""

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image

import thalweg
from commands import said
from thalweg.data import turning_digits
from thalweg.estimators import ImageDenoiser

DIGITS = (15 * load_digits().images).astype(np.uint8)
SMALL = ("--patch", 2, "--width", 16, "--depth", 1, "--n-steps", 3, "--random-state", 0)


def run(*words, folder):
    code, out, errors = said(*words, folder=folder)
    assert code == 0, errors
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("images")
    (path / "digits").mkdir()
    for i, image in enumerate(DIGITS[:30]):
        Image.fromarray(image).save(path / "digits" / f"{i:02}.png")
    np.save(path / "digits.npy", DIGITS[:30])
    mask = np.zeros((8, 8), bool)
    mask[2:5, 3:6] = True
    np.save(path / "mask.npy", mask)
    clips = turning_digits(DIGITS, 12, torch.Generator().manual_seed(0), length=7, size=16).frames
    np.save(path / "clips.npy", clips)
    run("fit", "masked-image-model", "digits", "--out", "m.st", *SMALL, folder=path)
    run("fit", "next-frame", "clips.npy", "--out", "n.st", "--n-components", 3, "--width", 8,
        "--n-steps", 3, "--random-state", 0, folder=path)  # fmt: skip
    return path


def test_a_folder_is_answered_file_by_file(folder):
    table = pl.read_csv(run("energy", "m.st", "digits", folder=folder).encode())
    model = thalweg.load(folder / "m.st")
    assert table["file"].to_list() == [f"digits/{i:02}.png" for i in range(30)]
    np.testing.assert_allclose(table["energy"], model.energy(DIGITS[:30]), rtol=1e-5)
    codes = pl.read_csv(run("codes", "m.st", "digits", folder=folder).encode())
    assert codes.columns == ["file", *model.get_feature_names_out()]


def test_what_a_mask_hides_is_painted_in(folder):
    run("complete", "m.st", "digits.npy", "--mask", "mask.npy", "--out", "f.npy", folder=folder)
    filled, mask = np.load(folder / "f.npy"), np.load(folder / "mask.npy")
    assert filled.dtype == np.uint8
    np.testing.assert_array_equal(filled[:, ~mask], DIGITS[:30][:, ~mask])
    assert (filled[:, mask] != DIGITS[:30][:, mask]).any()


def test_damaged_files_are_named_in_one_line(folder, tmp_path):
    (tmp_path / "d").mkdir()
    for i, image in enumerate(DIGITS[:5]):
        Image.fromarray(image).save(tmp_path / "d" / f"{i}.png")
    (tmp_path / "d" / "2.png").write_text("junk")
    code, out, errors = said("energy", folder / "m.st", "d", folder=tmp_path)
    assert code == 0
    assert len(pl.read_csv(out.encode())) == 4
    assert errors.count("\n") == 1
    assert "1 of 5 image files could not be decoded and were left out (d/2.png" in errors
    code, _, errors = said("fit", "masked-image-model", tmp_path / "d", "--out", "x.st",
                           "--damaged", "stop", *SMALL, folder=folder)  # fmt: skip
    assert code == 2
    assert "2.png cannot be decoded" in errors
    assert not (folder / "x.st").exists()


def test_every_run_of_a_clip_is_answered(folder):
    model, clips = thalweg.load(folder / "n.st"), np.load(folder / "clips.npy")
    table = pl.read_csv(run("energy", "n.st", "clips.npy", folder=folder).encode())
    assert table["clip"].to_list() == [i for i in range(12) for _ in range(3)]
    assert table["frame"].to_list() == [4, 5, 6] * 12
    expected = model.energy(clips[:, 1:5], clips[:, 5:6])
    np.testing.assert_allclose(table.filter(frame=5)["energy"], expected, rtol=1e-5)
    codes = pl.read_csv(run("codes", "n.st", "clips.npy", folder=folder).encode())
    assert codes.columns == ["clip", "frame", "z0", "z1", "z2"]
    run("complete", "n.st", "clips.npy", "--out", "next.npy", folder=folder)
    np.testing.assert_array_equal(np.load(folder / "next.npy"), model.predict(clips))


def test_what_images_cannot_be_asked_is_said(folder):
    run("fit", "joint-embedding-model", "digits", "--out", "j.st", "--width", 4, "--n-steps", 2,
        folder=folder)  # fmt: skip
    for words, message in (
        (("energy", "j.st", "digits"), "an energy of pairs of images"),
        (("project", "j.st", "digits", "--out", "p"), "has no project"),
        (("project", "m.st", "digits", "--out", "p.csv"), "ends in .npy"),
        (("map", "m.st", "digits", "--out", "a.png"), "has no plane to draw"),
        (("complete", "m.st", "digits", "--out", "a.csv"), "ends in .npy"),
        (("energy", "m.st", "clips.npy"), "1 to 4 channels"),
        (("energy", "n.st", "digits.npy"), "clip 0"),
        (("energy", "m.st", "nowhere"), "no such file or folder"),
        (("fit", "next-frame", "none.mp4", "--out", "a.st"), "no such file"),
    ):
        code, _, errors = said(*words, folder=folder)
        assert code == 2, words
        assert message in errors, words


def test_what_is_unusual_in_images_and_clips(folder):
    words = ("explain", "m.st", "digits", "--top", 4, "--figure", "m.png")
    table = pl.read_csv(run(*words, folder=folder).encode())
    said = thalweg.load(folder / "m.st").explain(DIGITS[:30])
    assert table.columns == ["file", "row", "column", "share", "value", "usual"]
    for line, (i, row, column) in zip(table.iter_rows(named=True), said.most(4), strict=True):
        assert line["file"] == f"digits/{i:02}.png"
        assert (line["row"], line["column"]) == (2 * row, 2 * column)
        at = np.s_[i, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        assert line["value"] == pytest.approx(DIGITS[at].mean(), rel=1e-4)
        assert line["usual"] == pytest.approx(said.usual[at].mean(), rel=1e-3, abs=1e-3)
    array = pl.read_csv(run("explain", "m.st", "digits.npy", "--top", 1, folder=folder).encode())
    assert array["image"].to_list() == [said.most(1)[0][0]]
    words = ("explain", "n.st", "clips.npy", "--top", 3, "--figure", "n.svg")
    table = pl.read_csv(run(*words, folder=folder).encode())
    assert table.columns == ["clip", "frame", "row", "column", "share", "value", "usual"]
    # four frames are given
    assert (table["frame"] >= 4).all()
    with Image.open(folder / "m.png") as drawn:
        assert drawn.width > 100
    assert "</svg>" in (folder / "n.svg").read_text()


def test_several_answers_to_one_question(folder):
    words = ("complete", "m.st", "digits.npy", "--mask", "mask.npy", "--random-state", 0)
    run(*words, "--draws", 2, "--out", "d.npy", folder=folder)
    mask = np.load(folder / "mask.npy")
    expected = thalweg.load(folder / "m.st").complete(DIGITS[:30], mask, draws=2, random_state=0)
    np.testing.assert_array_equal(np.load(folder / "d.npy"), expected)
    run(*words, "--interval", 0.5, "--out", "i.npy", folder=folder)
    lower, upper = np.load(folder / "i.npy")
    assert (lower <= upper).all()
    run("complete", "n.st", "clips.npy", "--draws", 2, "--out", "c.npy", folder=folder)
    assert np.load(folder / "c.npy").shape == (2, 12, 1, 16, 16)
    code, _, errors = said("complete", "n.st", "clips.npy", "--interval", 0.5, "--out", "c.npy",
                           folder=folder)  # fmt: skip
    assert code == 2
    assert "--interval is for numbers, not for clips; expected --draws" in errors


def pictures(folder):
    return {
        str(path.relative_to(folder)): np.asarray(Image.open(path))
        for path in sorted(folder.rglob("*.png"))
    }


def test_pictures_come_out_under_the_names_they_had(folder):
    hidden = np.load(folder / "mask.npy")
    Image.fromarray(np.where(hidden, 200, 0).astype(np.uint8)).save(folder / "mask.png")
    run("complete", "m.st", "digits", "--mask", "mask.png", "--out", "filled", folder=folder)
    found = pictures(folder / "filled")
    assert list(found) == [f"{i:02}.png" for i in range(30)]
    expected = thalweg.load(folder / "m.st").complete(DIGITS[:30], hidden)
    np.testing.assert_array_equal(np.stack(list(found.values())), expected)
    one = ("complete", "m.st", "digits/03.png", "--mask", "mask.png", "--out", "03.png")
    run(*one, folder=folder)
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "03.png")), expected[3])
    run(*one[:5], "--draws", 2, "--random-state", 0, "--out", "drawn", folder=folder)
    assert list(pictures(folder / "drawn")) == ["03_1.png", "03_2.png"]
    run("complete", "m.st", "digits.npy", "--mask", "mask.png", "--out", "n", folder=folder)
    assert list(pictures(folder / "n"))[29] == "000029.png"


def test_names_of_pictures_that_cannot_be(folder, tmp_path):
    (tmp_path / "d" / "in").mkdir(parents=True)
    for name in ("a.png", "a.bmp", "in/b.jpg"):
        Image.fromarray(DIGITS[0]).save(tmp_path / "d" / name)
    words = ("complete", folder / "m.st", "d", "--mask", folder / "mask.npy", "--out")
    run(*words, "out", folder=tmp_path)
    assert list(pictures(tmp_path / "out")) == ["a.bmp.png", "a.png.png", "in/b.png"]
    for out, message in (
        ("out", "a.bmp.png is there already (3 of 3 are)"),
        ("all.png", "there are 3 images; expected the name of a folder"),
        ("all.gif", "ends in .npy or .png"),
    ):
        code, _, errors = said(*words, out, folder=tmp_path)
        assert code == 2, out
        assert message in errors
    np.save(tmp_path / "f.npy", DIGITS[:2].astype(np.float32))
    code, _, errors = said("complete", folder / "m.st", "f.npy", "--mask", folder / "mask.npy",
                           "--out", "f", folder=tmp_path)  # fmt: skip
    assert code == 2
    assert "images of float32 with 1 channels have no place in PNG" in errors
    (tmp_path / "bad.png").write_text("junk")
    code, _, errors = said(*words[:4], tmp_path / "bad.png", "--out", "x", folder=tmp_path)
    assert code == 2
    assert "bad.png cannot be decoded" in errors


def test_a_folder_of_all_sizes_is_brought_to_the_models(folder, tmp_path):
    (tmp_path / "d").mkdir()
    Image.fromarray(DIGITS[0]).resize((16, 16), Image.Resampling.NEAREST).save(tmp_path / "d/a.png")
    Image.fromarray(DIGITS[1]).convert("RGB").save(tmp_path / "d" / "b.png")
    code, out, errors = said("energy", folder / "m.st", "d", folder=tmp_path)
    assert code == 0
    assert "2 of 2 image files have another size or other channels" in errors
    found = pl.read_csv(out.encode())["energy"].to_numpy()
    expected = thalweg.load(folder / "m.st").energy(DIGITS[:2])
    assert found[1] == pytest.approx(expected[1], rel=1e-4)


def test_photos_of_any_size_are_cleaned_file_by_file(tmp_path):
    photo = load_sample_image("china.jpg").mean(axis=2).astype(np.uint8)[::6, ::6]
    settings = {"width": 8, "depth": 1, "crop": 16, "n_steps": 4, "random_state": 0}
    model = ImageDenoiser(**settings).fit(photo)
    model.save(tmp_path / "m.st")
    (tmp_path / "photos" / "in").mkdir(parents=True)
    deep = np.random.default_rng(0).integers(0, 65536, (31, 42), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "photos" / "deep.png")
    shallow = photo[:41, :30]
    Image.fromarray(shallow).save(tmp_path / "photos" / "in" / "s.bmp")
    run("project", "m.st", "photos/deep.png", "--out", "clean.png", folder=tmp_path)
    found = np.asarray(Image.open(tmp_path / "clean.png"))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, model.project(deep))
    run("project", "m.st", "photos", "--out", "clean", folder=tmp_path)
    assert list(pictures(tmp_path / "clean")) == ["deep.png", "in/s.png"]
    inside = np.asarray(Image.open(tmp_path / "clean" / "in" / "s.png"))
    np.testing.assert_array_equal(inside, model.project(shallow))
    table = pl.read_csv(run("energy", "m.st", "photos", folder=tmp_path).encode())
    assert table["file"].to_list() == ["photos/deep.png", "photos/in/s.bmp"]
    np.testing.assert_allclose(table["energy"], model.energy(tmp_path / "photos"), rtol=1e-6)
    np.testing.assert_allclose(table["noise"], model.noise_level(tmp_path / "photos"), rtol=1e-6)
    hidden = np.zeros((31, 42), np.uint8)
    hidden[3:5, 7:20] = 90
    Image.fromarray(hidden).save(tmp_path / "mask.png")
    words = ("complete", "m.st", "photos/deep.png", "--mask", "mask.png", "--out")
    run(*words, "filled.png", folder=tmp_path)
    filled = np.asarray(Image.open(tmp_path / "filled.png"))
    np.testing.assert_array_equal(filled[hidden == 0], deep[hidden == 0])
    assert (filled != deep).any()
    run("fit", "image-denoiser", "photos", "--out", "n.st", "--n-steps", 2, "--crop", 16,
        "--width", 8, "--depth", 1, folder=tmp_path)  # fmt: skip
    assert thalweg.load(tmp_path / "n.st").channels_ == 1
    for words, message in (
        (("project", "m.st", "photos", "--out", "all.png"), "there are 2 images"),
        (("project", "m.st", "photos", "--out", "clean"), "is there already (2 of 2 are)"),
        (("project", "m.st", "photos", "--out", "clean.npy"), "there are 2 images"),
        (("project", "m.st", "photos", "--out", "clean.jpg"), "ends in .png or .npy"),
        (("project", "m.st", "photos/deep.png", "--out", "photos/deep.png"), "is what is read"),
        (("complete", "m.st", "photos", "--out", "x"), "--mask is missing"),
        (("map", "m.st", "photos", "--out", "x.png"), "no plane to draw"),
    ):
        code, _, errors = said(*words, folder=tmp_path)
        assert code == 2, words
        assert message in errors, words


def test_photos_as_they_come(tmp_path):
    photo = load_sample_image("china.jpg").mean(axis=2).astype(np.uint8)[::6, ::6]
    settings = {"width": 4, "depth": 1, "crop": 16, "n_steps": 2, "random_state": 0}
    model = ImageDenoiser(**settings).fit(photo)
    model.save(tmp_path / "m.st")
    stack = photo[:40].reshape(2, 20, -1) / 255
    np.save(tmp_path / "stack.npy", stack)
    table = pl.read_csv(run("energy", "m.st", "stack.npy", folder=tmp_path).encode())
    assert table["file"].to_list() == ["stack.npy[0]", "stack.npy[1]"]
    run("project", "m.st", "stack.npy", "--out", "out.npy", folder=tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), model.project(stack))
    run("project", "m.st", "stack.npy", "--out", "out", folder=tmp_path)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "000000.npy",
        "000001.npy",
    ]
    code, _, errors = said("project", "m.st", "stack.npy", "--out", "out", folder=tmp_path)
    assert code == 2
    assert "is there already (2 of 2 are)" in errors
    # one damaged file is left out, and those whose names meet keep their endings
    (tmp_path / "d").mkdir()
    for name in ("a.bmp", "a.png", "a.bmp.png"):
        Image.fromarray(photo).save(tmp_path / "d" / name)
    (tmp_path / "d" / "b.png").write_bytes((tmp_path / "d" / "a.png").read_bytes()[:200])
    code, _, errors = said("project", "m.st", "d", "--out", "clean", folder=tmp_path)
    assert code == 0, errors
    assert "1 of 4 image files could not be decoded and were left out (d/b.png" in errors
    assert list(pictures(tmp_path / "clean")) == ["a.bmp.png", "a.bmp.png.png", "a.png.png"]
    words = ("fit", "image-denoiser", "d", "--out", "n.st", "--n-steps", 1, "--crop", 16)
    code, _, errors = said(*words, "--damaged", "stop", folder=tmp_path)
    assert code == 2
    assert "b.png cannot be decoded" in errors
    (tmp_path / "one").mkdir()
    Image.fromarray(photo).save(tmp_path / "one" / "a.png")
    code, _, errors = said("project", "m.st", "one", "--out", "one/a.png", folder=tmp_path)
    assert code == 2
    assert "is what is read" in errors


def test_images_are_drawn_into_files(folder, tmp_path):
    np.save(tmp_path / "floats.npy", DIGITS[:30] / 16)
    run("fit", "image-density", folder / "digits", "--out", "b.st", "--width", 4, "--depth", 1,
        "--n-steps", 3, "--random-state", 0, folder=tmp_path)  # fmt: skip
    run("fit", "image-density", "floats.npy", "--out", "f.st", "--width", 4, "--depth", 1,
        "--n-steps", 3, "--random-state", 0, folder=tmp_path)  # fmt: skip
    words = ("-n", 3, "--random-state", 1, "--out")
    run("sample", "b.st", *words, "drawn", folder=tmp_path)
    found = list(pictures(tmp_path / "drawn").values())
    known = thalweg.load(tmp_path / "b.st").sample(3, random_state=1)
    assert [each.dtype for each in found] == [np.uint8] * 3
    np.testing.assert_allclose(np.stack(found), known, atol=0.5)
    run("sample", "b.st", *words, "drawn.npy", folder=tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "drawn.npy"), known)
    run("sample", "b.st", "-n", 1, "--out", "one.png", folder=tmp_path)
    assert np.asarray(Image.open(tmp_path / "one.png")).shape == (8, 8)
    run("sample", "f.st", *words, "floats_drawn.npy", folder=tmp_path)
    for rest, message in (
        (("b.st", *words, "x.png"), "there are 3 images"),
        (("b.st", *words, "x.csv"), "ends in .npy or .png"),
        (("b.st", *words, "drawn"), "is there already"),
        (("f.st", *words, "floats"), "have no place in PNG"),
    ):
        code, _, errors = said("sample", *rest, folder=tmp_path)
        assert code == 2, rest
        assert message in errors, rest
    model = ImageDenoiser(width=4, depth=1, crop=16, n_steps=2, random_state=0)
    model.fit(load_sample_image("china.jpg")[::9, ::9]).save(tmp_path / "p.st")
    run("sample", "p.st", "-n", 2, "--out", "photos", folder=tmp_path)
    assert [each.shape for each in pictures(tmp_path / "photos").values()] == [(16, 16, 3)] * 2


def test_lower_halves_are_drawn_into_files(folder, tmp_path):
    run("fit", "image-density", folder / "digits", "--out", "b.st", "--width", 4, "--depth", 1,
        "--n-steps", 3, "--random-state", 0, folder=tmp_path)  # fmt: skip
    np.save(tmp_path / "two.npy", DIGITS[:2])
    run("complete", "b.st", "two.npy", "--mask", folder / "mask.npy", "--draws", 2, "--out", "d",
        "--random-state", 0, folder=tmp_path)  # fmt: skip
    mask = np.load(folder / "mask.npy")
    found = pictures(tmp_path / "d")
    assert len(found) == 4
    for i, each in enumerate(found.values()):
        np.testing.assert_array_equal(each[~mask], DIGITS[i // 2][~mask])
    run("project", "b.st", "two.npy", "--out", "p.npy", folder=tmp_path)
    assert np.load(tmp_path / "p.npy").dtype == np.uint8
