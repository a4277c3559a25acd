"""Images of any size, one by one, as numbers from 0 to 1, and back in the form that they had."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from thalweg.core import InputError, as_array
from thalweg.data.image_decoding import decode
from thalweg.data.image_files import DAMAGE, ENDINGS, names_below, some_of
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


def pictures_of(given: PicturesLike, damaged: str = "stop") -> tuple[list[Picture], str]:
    """Images one by one, and what they were in: "image", "array", "list" or "folder".

    An array of two dimensions is an image; of three, one in colour where the last has 3 or 4
    places, else some images; of four, some in colour (or with one channel).

    Bytes are from 0 to 255, whole numbers of 16 bits to 65535. Other numbers are from 0 to 1 or
    from 0 to 255, whichever all of them fit, give or take noise.

    Parameters
    ----------
    given : array, list of arrays or of pictures, image file, ``.npy`` file or folder
    damaged : {"stop", "skip"}, default "stop"
        What becomes of files of a folder that cannot be decoded: an error names the first, or they
        are left out, counted and named in a warning.

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
        names = picture_names(path)
        alone = path.is_file()
        return list(read_pictures(names, "stop" if alone else damaged)), (
            "image" if alone else "folder"
        )
    if isinstance(given, (list, tuple)):
        if not given:
            raise InputError("images: the list is empty; expected at least one image")
        return _pictures(given, [f"image {i}" for i in range(len(given))]), "list"
    values = as_array("images", given)
    if values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (3, 4)):
        return _pictures([values], ["the image"]), "image"
    if values.ndim not in (3, 4) or not len(values):
        raise InputError(
            f"images: shape {values.shape}; expected (height, width), (height, width, 3), (n, "
            "height, width) or (n, height, width, channels)"
        )
    return _pictures(list(values), [f"image {i}" for i in range(len(values))]), "array"


def picture_names(given: str | os.PathLike[str]) -> list[str]:
    """The image file of a name, or those of a folder and of the folders in it, in order."""
    path = Path(given)
    names = [str(path)] if path.is_file() else list(names_below(path))
    if not names:
        raise InputError(
            f"{given}: no image files; expected a folder with some ({', '.join(ENDINGS)})"
        )
    return names


def read_pictures(names: list[str], damaged: str) -> Iterator[Picture]:
    """Image files one after the other, those that cannot be decoded left out, or an error."""
    left: dict[str, str] = {}
    for name in names:
        try:
            found = decode(name)
        except DAMAGE as error:
            if damaged == "stop":
                raise InputError(
                    f"{name} cannot be decoded ({error}); expected an image file"
                ) from error
            left[name] = str(error)
            continue
        yield _picture(found.pixels, name, found.white)
    if len(left) == len(names):
        raise InputError(f"none of {len(names)} image files can be decoded; the first, {names[0]}: "
                         f"{left[names[0]]}")  # fmt: skip
    if left:
        warnings.warn(
            f"{len(left)} of {len(names)} image files could not be decoded and were left out "
            f"({some_of([f'{name}: {why}' for name, why in left.items()])})",
            UserWarning,
            stacklevel=3,
        )


def _pictures(given: Sequence[Any], names: list[str]) -> list[Picture]:
    """Arrays as pictures; what has no white of its own has the one that fits all of them."""
    arrays = [None if isinstance(each, Picture) else as_array("images", each) for each in given]
    loose = [
        (name, each) for name, each in zip(names, arrays, strict=True)
        if each is not None and each.dtype.kind in "fiu" and each.size and _white(each) is None
    ]  # fmt: skip
    for name, each in loose:
        if not np.isfinite(each).all():
            raise InputError(f"{name} has pixels that are not finite; expected whole images")
    common = _common_white(loose) if loose else None
    return [
        each if isinstance(each, Picture) else _picture(array, name, common)
        for each, array, name in zip(given, arrays, names, strict=True)
    ]


def _picture(values: Any, name: str, white: float | None) -> Picture:
    if values.ndim not in (2, 3) or not values.size or values.dtype.kind not in "fiub":
        raise InputError(
            f"{name}: {values.dtype} of shape {values.shape}; expected numbers, (height, width) or "
            "(height, width, channels)"
        )
    if values.ndim == 3 and values.shape[2] > CHANNELS:
        raise InputError(f"{name}: {values.shape[2]} channels; expected {CHANNELS} at most")
    own = _white(values)
    white = own if own is not None else white
    if white is None:
        white = _common_white([(name, values)])
    shape = values if values.ndim == 3 else values[..., None]
    return Picture((shape / np.float32(white)).astype(np.float32), white, values.dtype,
                   values.ndim == 2, name)  # fmt: skip


def _white(values: NDArray[Any]) -> float | None:
    """The value of full brightness, where the type says it."""
    if values.dtype.kind == "b":
        return 1.0
    if values.dtype.kind == "u" and values.dtype.itemsize <= 2:
        return float(np.iinfo(values.dtype).max)
    return None


def _common_white(named: list[tuple[str, NDArray[Any]]]) -> float:
    """The value of full brightness of numbers whose type does not say it."""
    most = max(float(values.max()) for _, values in named)
    for white in (1.0, 255.0):
        # a few bright pixels tell more than all dark ones
        if most <= (1 + 2 * BEYOND) * white and not (white == 1 and _are_whole(named) and most > 1):
            fits = [name for name, values in named if not _fits(values, white)]
            if not fits:
                return white
    name, values = next(
        ((name, values) for name, values in named if not _fits(values, 255.0)), named[0]
    )
    raise InputError(
        f"{name} has {values.dtype} from {float(values.min()):.3g} to {float(values.max()):.3g}; "
        "expected numbers from 0 to 1 or from 0 to 255, bytes, or whole numbers of 16 bits"
    )


def _are_whole(named: list[tuple[str, NDArray[Any]]]) -> bool:
    return all(values.dtype.kind in "iu" for _, values in named)


def _fits(values: NDArray[Any], white: float) -> bool:
    low, high = np.quantile(values, (0.01, 0.99))
    return bool(-BEYOND * white <= low and high <= (1 + BEYOND) * white)
