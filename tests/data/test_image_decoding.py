"""Image files of every kind are read as what they show."""

import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from thalweg.core import InputError
from thalweg.data import ImageFiles
from thalweg.data.image_decoding import decode
from thalweg.estimators import MaskedImageModel

RAMP = np.arange(24, dtype=np.uint8).reshape(6, 4) * 10

DEEP = (np.arange(256).reshape(16, 16) * 257).astype(np.uint16)


def tiff(path, values, sample_format=1, photometric=1, order=">", bits=None):
    """An uncompressed grey TIFF, as few programs write them but the format has them."""
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    height, width = values.shape
    bits = 8 * values.dtype.itemsize if bits is None else bits
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8),
            (277, 1), (278, height), (279, len(data)), (339, sample_format)]  # fmt: skip
    folder = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags)
    start = struct.pack(f"{order}2sHI", b"MM" if order == ">" else b"II", 42, 8 + len(data))
    count = struct.pack(f"{order}H", len(tags))
    path.write_bytes(start + data + count + folder + bytes(4))


def upright(orientation):
    return {
        1: RAMP,
        2: RAMP[:, ::-1],
        3: RAMP[::-1, ::-1],
        4: RAMP[::-1],
        5: RAMP.T,
        6: np.rot90(RAMP, -1),
        7: np.rot90(RAMP, 2).T,
        8: np.rot90(RAMP),
    }[orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "ending", ["png", "raw.tif", "lzw.tif", "jpg", "webp"],
)  # fmt: skip
def test_photos_are_turned_upright(orientation, ending, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{ending}"
    how = {"lzw.tif": {"compression": "tiff_lzw"}, "jpg": {"quality": 95}, "webp": {"quality": 95}}
    Image.fromarray(RAMP).save(path, exif=exif, **how.get(ending, {}))
    found = decode(str(path)).pixels
    found = found[..., 0] if found.ndim == 3 else found
    expected = upright(orientation)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=8 if ending in ("jpg", "webp") else 0)


def test_deep_photos_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for ending in ("png", "tif"):
        Image.fromarray(RAMP.astype(np.uint16) * 257).save(tmp_path / f"a.{ending}", exif=exif)
        found = decode(str(tmp_path / f"a.{ending}"))
        np.testing.assert_array_equal(found.pixels, np.rot90(RAMP, -1).astype(np.uint16) * 257)


@pytest.mark.parametrize("order", ["<", ">"])
def test_deep_grey_of_either_order_of_bytes(order, tmp_path):
    tiff(tmp_path / "a.tif", DEEP, order=order)
    (tmp_path / "a.pgm").write_bytes(b"P5 16 16 65535\n" + DEEP.astype(">u2").tobytes())
    Image.fromarray(DEEP).save(tmp_path / "a.png")
    for ending in ("tif", "pgm", "png"):
        found = decode(str(tmp_path / f"a.{ending}"))
        assert (found.pixels.dtype, found.white) == (np.uint16, 65535)
        assert found.pixels.dtype.isnative
        np.testing.assert_array_equal(found.pixels, DEEP)


def test_numbers_with_a_sign_floats_and_32_bits(tmp_path):
    signed = (DEEP.astype(int) - 30000).astype(np.int16)
    large = DEEP.astype(np.uint32) * 60000
    small = (np.arange(256).reshape(16, 16) - 128).astype(np.int8)
    for values, kind in [(signed, 2), (small, 2), (large, 1), (DEEP.astype(np.float32), 3)]:
        tiff(tmp_path / "a.tif", values, kind, order="<")
        found = decode(str(tmp_path / "a.tif"))
        assert found.white is None
        assert found.pixels.dtype == values.dtype
        np.testing.assert_array_equal(found.pixels, values)


def test_white_may_be_zero_and_12_bits(tmp_path):
    tiff(tmp_path / "a.tif", DEEP, photometric=0, order="<")
    np.testing.assert_array_equal(decode(str(tmp_path / "a.tif")).pixels, 65535 - DEEP)
    # two values of 12 bits are in three bytes
    packed = struct.pack("3B", 0xFF, 0xF8, 0x00) * 8
    tiff(tmp_path / "b.tif", np.frombuffer(packed, np.uint8).reshape(1, 24), order="<")
    content = bytearray((tmp_path / "b.tif").read_bytes())
    for tag, value in ((256, 16), (258, 12)):
        at = content.index(struct.pack("<HHI", tag, 4, 1))
        content[at + 8 : at + 12] = struct.pack("<I", value)
    (tmp_path / "b.tif").write_bytes(content)
    found = decode(str(tmp_path / "b.tif"))
    assert found.white == 4095
    assert found.pixels.tolist() == [[4095, 2048] * 8]


def test_what_is_transparent_has_a_fourth_channel(tmp_path):
    grey, alpha = Image.new("L", (4, 6), 200), Image.fromarray(RAMP)
    Image.merge("LA", (grey, alpha)).save(tmp_path / "a.png")
    found = decode(str(tmp_path / "a.png")).pixels
    np.testing.assert_array_equal(found[..., 3], RAMP)
    assert (found[..., :3] == 200).all()
    for mode, clear in (("L", 50), ("RGB", (50, 50, 50))):
        Image.fromarray(RAMP).convert(mode).save(tmp_path / "b.png", transparency=clear)
        found = decode(str(tmp_path / "b.png")).pixels
        np.testing.assert_array_equal(found[..., 3], np.where(RAMP == 50, 0, 255))
        np.testing.assert_array_equal(found[..., 1], RAMP)
    # a deep one is too: Pillow writes no such, so the chunk is put in
    Image.fromarray(RAMP.astype(np.uint16) * 257).save(tmp_path / "c.png")
    content = (tmp_path / "c.png").read_bytes()
    chunk = struct.pack(">I4sH", 2, b"tRNS", 50 * 257)
    chunk += struct.pack(">I", zlib.crc32(chunk[4:]))
    at = content.index(b"IDAT") - 4
    (tmp_path / "c.png").write_bytes(content[:at] + chunk + content[at:])
    found = decode(str(tmp_path / "c.png"))
    assert (found.pixels.dtype, found.white) == (np.uint16, 65535)
    np.testing.assert_array_equal(found.pixels[..., 3], np.where(RAMP == 50, 0, 65535))
    np.testing.assert_array_equal(found.pixels[..., 0], RAMP.astype(np.uint16) * 257)


@pytest.mark.parametrize("deep_first", [True, False])
def test_one_picture_in_two_depths_reads_the_same(deep_first, tmp_path):
    deep, shallow = ("a", "b") if deep_first else ("b", "a")
    Image.fromarray(RAMP.astype(np.uint16) * 257).save(tmp_path / f"{deep}.png")
    Image.fromarray(RAMP).save(tmp_path / f"{shallow}.png")
    images = ImageFiles(tmp_path)
    rows = images.take(np.arange(2))
    np.testing.assert_array_equal(rows[0], rows[1])
    assert rows.max() == (230 * 257 if deep_first else 230)
    originals = images.originals()
    assert originals.dtype == (np.uint16 if deep_first else np.uint8)
    np.testing.assert_array_equal(originals[0], originals[1])


def test_pixels_without_a_common_scale_are_refused(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "a.png")
    Image.fromarray(RAMP.astype(np.float32)).save(tmp_path / "b.tif")
    with pytest.raises(
        InputError, match=r"b\.tif has pixels of float32; expected uint8, as .*a\.p"
    ):
        ImageFiles(tmp_path).take(np.arange(2))


def test_originals_keep_every_bit(tmp_path):
    values = np.array([[2**24 + 1, -(2**30) - 1]], np.int32)
    tiff(tmp_path / "a.tif", values, 2, order="<")
    np.testing.assert_array_equal(ImageFiles(tmp_path).originals()[0], values)


def test_of_several_pictures_the_first_is_read_and_that_is_said(tmp_path):
    frames = [Image.new("L", (4, 4), value) for value in (10, 20, 30)]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "b.tif")
    images = ImageFiles(tmp_path)
    with pytest.warns(UserWarning, match=r"1 image files have several pictures.*first.*a\.tif"):
        images.summary()
    assert (images.take(np.arange(2)) == 10).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ImageFiles(tmp_path / "b.tif").summary()


def test_a_model_refuses_another_depth_than_it_learned_from(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8), dtype=np.uint8)
    for name, kind in (("bytes", np.uint8), ("deep", np.uint16)):
        (tmp_path / name).mkdir()
        for i, image in enumerate(images):
            scaled = image.astype(kind) * (257 if kind == np.uint16 else 1)
            Image.fromarray(scaled).save(tmp_path / name / f"{i}.png")
    small = {"n_steps": 0, "width": 16, "depth": 1, "random_state": 0}
    model = MaskedImageModel(**small).fit(tmp_path / "bytes")
    np.testing.assert_array_equal(model.energy(images), model.energy(tmp_path / "bytes"))
    with pytest.raises(InputError, match="images whose white is 65535; expected 255"):
        model.energy(tmp_path / "deep")
    assert MaskedImageModel(**small).fit(images.astype(float)).white_ is None
