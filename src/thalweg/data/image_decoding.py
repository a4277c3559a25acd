"""One image file as an array: upright, with its transparency, in the numbers that it holds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

ORIENTATION, BITS, PHOTOMETRIC, SAMPLE_FORMAT = 0x0112, 258, 262, 339
"""Tags of EXIF and TIFF"""

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings a picture of an orientation upright"""

ON_ITS_SIDE = (5, 6, 7, 8)
"""Orientations whose height is the width"""

SIGNED = 2
"""Of the tag for what samples are: whole numbers with a sign"""

WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


class Decoded(NamedTuple):
    """What is in an image file."""

    pixels: NDArray[Any]
    """(height, width) or (height, width, channels)"""
    white: int | None
    """the value of full brightness; None where a file has no such: floats, signs, 32 bits"""
    several: bool
    """whether it is the first of several pictures: frames of an animation, pages"""


def decode(path: str) -> Decoded:
    """The first picture of a file.

    It is turned as its EXIF tag says. What is transparent has a fourth channel, in whatever way the
    file says so. Bits become 0 and 255; grey of 16 bits and numbers of 32 stay what they are;
    colours of 16 bits come in 8, as Pillow has them. Profiles and gamma are not looked at.
    """
    # of a file by its name Pillow maps what is not compressed, and garbles a TIFF that lies on its
    # side
    with open(path, "rb") as file, Image.open(file) as image:
        # what follows on the photo of a telephone belongs to it
        several = bool(getattr(image, "is_animated", False)) and image.format != "MPO"
        image.load()
        tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else None
        # Pillow has turned a TIFF already
        turned = None if tags is not None else UPRIGHT.get(image.getexif().get(ORIENTATION, 1))
        upright = image if turned is None else image.transpose(turned)
        clear = image.info.get("transparency")
        if image.mode.startswith("I"):
            pixels, white = _whole(np.asarray(upright), tags)
            if isinstance(clear, int) and white is not None:
                pixels = np.stack([pixels] * 3 + [np.where(pixels == clear, 0, white)], axis=2)
                pixels = pixels.astype(np.uint16)
            return Decoded(pixels, white, several)
        if image.mode == "F":
            return Decoded(np.asarray(upright, np.float32), None, several)
        if image.mode == "L" and clear is None:
            pixels = np.asarray(upright)
            signed = tags is not None and _sample_format(tags) == SIGNED
            return Decoded(pixels.view(np.int8) if signed else pixels, None if signed else 255,
                           several)  # fmt: skip
        if image.mode in WITH_ALPHA or clear is not None:
            mode = "RGBA"
        else:
            mode = "L" if image.mode == "1" else "RGB"
        return Decoded(np.asarray(upright.convert(mode)), 255, several)


def shape_of(path: str) -> tuple[int, int, int]:
    """(height, width, channels) of what :func:`decode` gives, mostly from the head of the file."""
    with open(path, "rb") as file, Image.open(file) as image:
        if not isinstance(image, TiffImagePlugin.TiffImageFile):
            width, height = image.size
            if image.getexif().get(ORIENTATION, 1) in ON_ITS_SIDE:
                width, height = height, width
            clear = image.info.get("transparency") is not None
            plain = image.mode in ("1", "L", "F") or image.mode.startswith("I")
            if image.mode in WITH_ALPHA or clear:
                return height, width, 4
            return height, width, 1 if plain else 3
    height, width, channels = (*decode(path).pixels.shape, 1)[:3]
    return height, width, channels


def _sample_format(tags: TiffImagePlugin.ImageFileDirectory_v2) -> int:
    return int(tags.get(SAMPLE_FORMAT, (1,))[0])


def _whole(
    pixels: NDArray[Any], tags: TiffImagePlugin.ImageFileDirectory_v2 | None
) -> tuple[NDArray[Any], int | None]:
    """Grey of more than 8 bits, in whichever numbers Pillow keeps it, and its white."""
    if tags is None:
        # PNG and PGM have 16 bits, without a sign
        return pixels.astype(np.uint16), 2**16 - 1
    bits = int(tags.get(BITS, (16,))[0])
    if _sample_format(tags) == SIGNED:
        return pixels.astype(np.int16 if bits <= 16 else np.int32), None
    if bits > 16:
        # Pillow takes the highest bit for a sign
        return pixels.astype(np.int32).view(np.uint32), None
    white = 2**bits - 1
    pixels = pixels.astype(np.uint16)
    # as Pillow does with 8 bits
    return white - pixels if tags.get(PHOTOMETRIC) == 0 else pixels, white
