"""Images from arrays, files and folders, and what is said of those that cannot be used."""

import gzip
import re
import struct

import numpy as np
import pytest
import torch
from PIL import Image

from thalweg.core import InputError
from thalweg.data import CoveredImages, ImageArray, ImageFiles, as_images, pixel_units, read_idx
from thalweg.data.image_decoding import decode, shape_of
from thalweg.data.image_fitting import brought_to

SHAPE = (6, 5, 3)


@pytest.fixture
def colours():
    return np.random.default_rng(0).integers(0, 256, (12, *SHAPE), dtype=np.uint8)


def folder_of(images, path):
    path.mkdir(exist_ok=True)
    for i, image in enumerate(images):
        Image.fromarray(image).save(path / f"{i:03}.png")
    return path


def idx_of(values):
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return header + values.tobytes()


def test_every_way_to_hold_images_gives_the_same_rows(colours, tmp_path):
    np.save(tmp_path / "images.npy", colours)
    expected = colours.reshape(12, -1).astype(np.float32)
    for given in (
        colours,
        torch.from_numpy(colours),
        tmp_path / "images.npy",
        folder_of(colours, tmp_path / "folder"),
        as_images(colours),
    ):
        images = as_images(given)
        assert images.shape == SHAPE
        assert not images.grey
        np.testing.assert_array_equal(images.take(np.array([3, 0])), expected[[3, 0]])
        np.testing.assert_array_equal(np.concatenate([c for _, c in images.chunks()]), expected)
        np.testing.assert_array_equal(images.originals(), colours)
        assert images.pixels == np.uint8


def test_a_folder_is_read_by_name_with_the_folders_in_it(colours, tmp_path):
    folder_of(colours[:2, ..., 0], tmp_path / "b")
    folder_of(colours[2:4, ..., 0], tmp_path / "a")
    (tmp_path / "notes.txt").write_text("no image")
    images = ImageFiles(tmp_path)
    assert len(images) == 4
    assert images.shape == (6, 5, 1)
    np.testing.assert_array_equal(images.originals(), colours[[2, 3, 0, 1], ..., 0])


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("P", 3), ("CMYK", 3), ("RGBA", 4)])
def test_other_modes_of_pixels_are_read(mode, channels, tmp_path):
    image = Image.fromarray(np.full((4, 4, 3), 255, np.uint8)).convert(mode)
    image.save(tmp_path / "a.tif")
    images = ImageFiles(tmp_path)
    assert images.shape == (4, 4, channels)
    assert images.take(np.array([0])).min() == 255


def test_deep_pixels_and_transparent_palettes_are_read(tmp_path):
    Image.fromarray(np.full((4, 4), 300, np.uint16)).save(tmp_path / "deep.png")
    assert ImageFiles(tmp_path / "deep.png").take(np.array([0])).max() == 300
    clear = Image.fromarray(np.full((4, 4, 4), 9, np.uint8)).convert("P")
    clear.save(tmp_path / "clear.png", transparency=b"\0")
    assert ImageFiles(tmp_path / "clear.png").shape == (4, 4, 4)


def test_idx_files_plain_and_gzipped(colours, tmp_path):
    grey = colours[..., 0]
    (tmp_path / "t-idx3-ubyte").write_bytes(idx_of(grey))
    (tmp_path / "t-idx3-ubyte.gz").write_bytes(gzip.compress(idx_of(grey)))
    (tmp_path / "images").write_bytes(idx_of(grey))
    for name in ("t-idx3-ubyte", "t-idx3-ubyte.gz", "images"):
        np.testing.assert_array_equal(read_idx(tmp_path / name), grey)
        assert as_images(tmp_path / name).shape == (6, 5, 1)
    Image.fromarray(grey[0]).save(tmp_path / "idx-3.png")
    assert len(as_images(tmp_path / "idx-3.png")) == 1


def test_damaged_idx_files_are_named(colours, tmp_path):
    whole = idx_of(colours[..., 0])
    for content, message in (
        (whole[:-1], "has 375 bytes; expected 376"),
        (whole[:10], "cut short"),
        (b"\1" + whole[1:], "not of IDX format"),
        (gzip.compress(whole)[:-20], "damaged or cut gzip"),
    ):
        (tmp_path / "bad-idx").write_bytes(content)
        with pytest.raises(InputError, match=message):
            read_idx(tmp_path / "bad-idx")
    with pytest.raises(InputError, match="no such file"):
        read_idx(tmp_path / "none")


def test_damaged_files_are_left_out_named_and_counted(colours, tmp_path):
    folder = folder_of(colours, tmp_path / "f")
    whole = (folder / "004.png").read_bytes()
    (folder / "002.png").write_text("not an image")
    (folder / "004.png").write_bytes(whole[: len(whole) // 2])
    huge = Image.new("1", (12000, 16000))
    huge.save(folder / "bomb.png")
    images = ImageFiles(folder)
    with pytest.warns(UserWarning, match="3 of 13 image files could not be decoded") as caught:
        summary = images.summary()
    assert "002.png" in str(caught[0].message)
    assert "004.png" in str(caught[0].message)
    assert "bomb.png" in str(caught[0].message)
    kept = np.delete(colours, [2, 4], axis=0)
    assert len(images) == 10
    np.testing.assert_allclose(summary.mean, kept.reshape(10, -1).mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(images.originals(), kept)
    with pytest.raises(InputError, match=r"002\.png cannot be decoded"):
        ImageFiles(folder, damaged="stop").summary()


def test_images_of_other_sizes_are_brought_to_that_of_most(colours, tmp_path):
    folder = folder_of(colours[:3], tmp_path / "sizes")
    # the first file is not what most are
    Image.fromarray(np.full((12, 30), 70, np.uint8)).save(folder / "000.png")
    clear = np.dstack([np.full((6, 5, 3), 40, np.uint8), np.full((6, 5), 51, np.uint8)])
    Image.fromarray(clear, "RGBA").save(folder / "900.png")
    images = ImageFiles(folder)
    assert images.shape == SHAPE
    with pytest.warns(UserWarning, match="2 of 4 image files have another size") as caught:
        images.summary()
    assert re.search(r"000\.png: 12 x 30 with 1 channel", str(caught[0].message))
    assert re.search(r"900\.png: 6 x 5 with 4 channels", str(caught[0].message))
    rows = images.take(np.arange(4)).reshape(4, *SHAPE)
    np.testing.assert_array_equal(rows[1:3], colours[1:3])
    np.testing.assert_array_equal(rows[0], 70)
    # a fifth of 40 on four fifths of white
    np.testing.assert_allclose(rows[3], 0.2 * 40 + 0.8 * 255)
    assert images.originals().shape == (4, *SHAPE)
    with pytest.raises(
        InputError, match=r"000\.png is 12 x 30 with 1 channel; expected 6 x 5 with"
    ):
        ImageFiles(folder, damaged="stop").summary()
    asked = ImageFiles(folder, shape=(3, 3, 1))
    with pytest.warns(UserWarning, match="4 of 4 image files"):
        asked.summary()
    assert asked.originals().shape == (4, 3, 3)


@pytest.mark.parametrize("size", [(10, 20), (20, 10), (9, 40)])
def test_what_stands_out_of_another_size_is_cut_on_both_sides(size):
    across = np.broadcast_to(np.arange(size[1], dtype=np.float64), size)
    down = np.broadcast_to(np.arange(size[0], dtype=np.float64)[:, None], size)
    for ramp in (across, down):
        found = brought_to(ramp, (5, 5, 1), 255)[..., 0]
        # the middle stays the middle, and a ramp one of the same slope
        np.testing.assert_allclose(found[2, 2], ramp.mean(), atol=1e-4)
        scale = min(size) / 5
        along = np.diff(found, axis=1 if ramp is across else 0)[1:-1, 1:-1]
        np.testing.assert_allclose(along, scale, atol=0.05 * scale)


def test_colours_and_grey_of_one_another():
    colour = np.array([[[100, 50, 200]]], np.uint8)
    grey = brought_to(colour, (1, 1, 1), 255)
    np.testing.assert_allclose(grey, 0.299 * 100 + 0.587 * 50 + 0.114 * 200)
    np.testing.assert_array_equal(brought_to(grey[..., 0], (1, 1, 3), 255)[0, 0], grey[0, 0, 0])
    assert brought_to(grey[..., 0], (1, 1, 4), 65535)[0, 0, 3] == 65535


def test_the_head_of_a_file_tells_what_decoding_gives(tmp_path):
    picture = Image.fromarray(np.arange(60, dtype=np.uint8).reshape(6, 10))
    turned = Image.Exif()
    turned[0x0112] = 6
    picture.save(tmp_path / "turned.jpg", exif=turned)
    picture.save(tmp_path / "turned.tif", exif=turned)
    picture.convert("P").save(tmp_path / "clear.png", transparency=3)
    for mode in ("1", "L", "RGB", "RGBA", "LA", "P"):
        picture.convert(mode).save(tmp_path / f"{mode}.png")
    for path in sorted(tmp_path.iterdir()):
        assert shape_of(str(path)) == (*decode(str(path)).pixels.shape, 1)[:3], path


def test_what_is_no_image_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.png").write_text("junk")
    (tmp_path / "bad.npy").write_text("junk")
    ones = np.ones((3, 4, 4))
    infinite = ones.copy()
    infinite[1, 2, 3] = np.inf
    for given, message in (
        (np.zeros((5, 64)), r"shape \(5, 64\); expected numbers, \(n, height, width\)"),
        (np.zeros((5, 3, 8, 8)), "1 to 4 channels in the last place"),
        (np.zeros((0, 8, 8)), "at least one image"),
        (np.full((2, 3, 3), "a"), "expected numbers"),
        (tmp_path / "empty", "no image files"),
        (tmp_path / "nowhere", "no such file or folder"),
        (tmp_path / "one", "none of its 1 image files can be decoded"),
        (tmp_path / "bad.npy", "not a readable .npy file"),
        (infinite, r"image 1, pixel \(2, 3\) of channel 0 is inf"),
        (np.where(np.arange(3)[:, None, None] == 2, np.nan, ones), "image 2 has no visible entry"),
    ):
        with pytest.raises(InputError, match=message):
            as_images(given).summary()


def test_units_are_of_channels(colours):
    values = colours.astype(np.float64)
    values[0, 0, 0] = np.nan
    shift, scale = pixel_units(as_images(values).summary(), SHAPE)
    for found, expected in (
        (shift, np.nanmean(values, (0, 1, 2))),
        (scale, np.nanstd(values, (0, 1, 2))),
    ):
        np.testing.assert_allclose(found.reshape(SHAPE)[2, 3], expected, rtol=1e-5)
    assert (pixel_units(as_images(np.ones((2, 3, 3))).summary(), (3, 3, 1))[1] == 1).all()


def test_a_mask_hides_and_a_bad_one_is_named(colours):
    images = ImageArray(colours)
    mask = np.zeros(SHAPE[:2], bool)
    mask[1:3, 2] = True
    rows = CoveredImages(images, mask).take(np.array([4])).reshape(SHAPE)
    assert np.isnan(rows[1:3, 2]).all()
    np.testing.assert_array_equal(rows[~mask], colours[4][~mask])
    every = np.zeros((12, *SHAPE[:2]), bool)
    every[7] = True
    for wrong, message in (
        (mask.astype(int), "expected bool"),
        (mask[:3], r"shape \(3, 5\)"),
        (np.zeros(SHAPE[:2], bool), "hides nothing"),
        (np.ones(SHAPE[:2], bool), "hides all of image 0"),
        (every, "hides all of image 7"),
    ):
        with pytest.raises(InputError, match=message):
            CoveredImages(images, wrong)
