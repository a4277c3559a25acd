"""Images of any size, one by one, as numbers from 0 to 1, and back in the form that they had."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from thalweg.core import InputError, as_array
from thalweg.data.image_decoding import decode
from thalweg.data.image_files import DAMAGE, ENDINGS, names_below
from thalweg.data.images import CHANNELS

PicturesLike: TypeAlias = (
    NDArray[Any] | torch.Tensor | list[Any] | tuple[Any, ...] | str | os.PathLike[str]
)
"""One image, an array of some, a list of images of any sizes, or a path of one or of a folder"""

BEYOND = 0.5
"""How far noise may take numbers out of the range from black to white, in its length."""


@dataclass(frozen=True)
class Picture:
    """An image, and what it was before."""

    values: NDArray[np.float32]
    """(height, width, channels), from 0 (black) to 1 (white)"""
    white: float
    pixels: np.dtype
    grey: bool
    """whether it came without a dimension for channels"""
    name: str

    def formed(self, values: NDArray[np.floating]) -> NDArray[Any]:
        """Values (height, width, channels), from 0 to 1, as the image came."""
        whole = np.asarray(values, np.float64) * self.white
        if self.pixels.kind in "iub":
            whole = np.clip(np.rint(whole), 0, self.white)
        return (whole[..., 0] if self.grey else whole).astype(self.pixels)


def pictures_of(given: PicturesLike) -> tuple[list[Picture], str]:
    """Images one by one, and what they were in: "image", "array", "list" or "folder".

    An array of two dimensions is an image; of three, one in colour where the last has 3 or 4
    places, else some images; of four, some in colour (or with one channel).

    Bytes are from 0 to 255, whole numbers of 16 bits to 65535. Numbers with a point are from 0 to
    1 or from 0 to 255, whichever they fit, give or take noise.

    Raises
    ------
    InputError
        If there are no images in it, a file cannot be decoded, or numbers have another range or
        are not finite; the message names which.
    """
    if isinstance(given, (str, os.PathLike)):
        path = Path(given)
        if path.suffix.lower() == ".npy" and path.is_file():
            from thalweg.data.npy import read_npy

            return pictures_of(np.asarray(read_npy(path, "images")))
        found = [_read(name) for name in picture_names(path)]
        return found, "image" if path.is_file() else "folder"
    if isinstance(given, (list, tuple)):
        if not given:
            raise InputError("images: the list is empty; expected at least one image")
        return [_picture(as_array("images", v), f"image {i}") for i, v in enumerate(given)], "list"
    values = as_array("images", given)
    if values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (3, 4)):
        return [_picture(values, "the image")], "image"
    if values.ndim not in (3, 4) or not len(values):
        raise InputError(
            f"images: shape {values.shape}; expected (height, width), (height, width, 3), (n, "
            "height, width) or (n, height, width, channels)"
        )
    return [_picture(value, f"image {i}") for i, value in enumerate(values)], "array"


def picture_names(given: str | os.PathLike[str]) -> list[str]:
    """The image file of a name, or those of a folder and of the folders in it, in order."""
    path = Path(given)
    names = [str(path)] if path.is_file() else list(names_below(path))
    if not names:
        raise InputError(
            f"{given}: no image files; expected a folder with some ({', '.join(ENDINGS)})"
        )
    return names


def _read(name: str) -> Picture:
    try:
        found = decode(name)
    except DAMAGE as error:
        raise InputError(f"{name} cannot be decoded ({error}); expected an image file") from error
    return _picture(found.pixels, name, found.white)


def _picture(values: NDArray[Any], name: str, white: float | None = None) -> Picture:
    if values.ndim not in (2, 3) or not values.size or values.dtype.kind not in "fiub":
        raise InputError(
            f"{name}: {values.dtype} of shape {values.shape}; expected numbers, (height, width) or "
            "(height, width, channels)"
        )
    if values.ndim == 3 and values.shape[2] > CHANNELS:
        raise InputError(f"{name}: {values.shape[2]} channels; expected {CHANNELS} at most")
    if not np.isfinite(values).all():
        raise InputError(f"{name} has pixels that are not finite; expected whole images")
    if white is None:
        white = _white_of(values, name)
    shape = values if values.ndim == 3 else values[..., None]
    return Picture((shape / np.float32(white)).astype(np.float32), white, values.dtype,
                   values.ndim == 2, name)  # fmt: skip


def _white_of(values: NDArray[Any], name: str) -> float:
    """The value of full brightness, by the type and the range of numbers."""
    if values.dtype.kind == "b":
        return 1.0
    if values.dtype in (np.uint8, np.uint16):
        return float(np.iinfo(values.dtype).max)
    low, high = np.quantile(values, (0.01, 0.99))
    for white in (1.0, 255.0):
        if -BEYOND * white <= low and high <= (1 + BEYOND) * white:
            return white
    raise InputError(
        f"{name} has {values.dtype} from {float(values.min()):.3g} to {float(values.max()):.3g}; "
        "expected numbers from 0 to 1 or from 0 to 255, bytes, or whole numbers of 16 bits"
    )
