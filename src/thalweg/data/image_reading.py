"""Images from whatever holds them."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from thalweg.core import InputError, as_array
from thalweg.data.image_files import ENDINGS, ImageFiles
from thalweg.data.images import ImageArray, Images
from thalweg.data.npy import read_npy

ImagesLike: TypeAlias = Images | NDArray[Any] | torch.Tensor | str | os.PathLike[str]
"""Images, an array or a tensor (n, height, width[, channels]), or a path of some."""

IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def as_images(
    given: ImagesLike, damaged: str = "skip", shape: tuple[int, int, int] | None = None
) -> Images:
    """Images from an array, a tensor, a folder of files, a ``.npy`` file, or one of IDX format.

    Parameters
    ----------
    given : array, tensor, path or Images
        Arrays are (n, height, width) or (n, height, width, channels), NaN where hidden.
    damaged : {"skip", "stop"}, default "skip"
        What becomes of an image file that cannot be decoded, or is of another size
        (:class:`ImageFiles`).
    shape : tuple of int, optional
        (height, width, channels) that image files are brought to.

    Raises
    ------
    InputError
        If there are no images in it, or not of one size.
    """
    if isinstance(given, Images):
        return given
    if not isinstance(given, (str, os.PathLike)):
        return ImageArray(as_array("images", given))
    path = Path(given)
    if path.suffix.lower() == ".npy" and path.is_file():
        return ImageArray(read_npy(path, "images"), str(path))
    if path.is_file() and path.suffix.lower() not in ENDINGS and _is_idx(path):
        return ImageArray(read_idx(path), str(path))
    return ImageFiles(path, damaged, shape)


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """An array from a file of IDX format, plain or gzipped: how MNIST and Fashion-MNIST come.

    Parameters
    ----------
    path : path
        Two bytes 0, one for the type, one for the number of dimensions, the dimensions as 32-bit
        whole numbers, the values; all of them big-endian.

    Raises
    ------
    InputError
        If the file is not there, of another format, or cut short.

    References
    ----------
    LeCun, Cortes, Burges, "The MNIST database of handwritten digits".
    """
    source = Path(path)
    if not source.is_file():
        raise InputError(f"{path}: no such file; expected one of IDX format")
    content = source.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path} is a damaged or cut gzip file ({error})") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in IDX_TYPES:
        raise InputError(f"{path} is not of IDX format; expected it to begin with 0, 0, a type")
    dimensions = content[3]
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise InputError(f"{path} is cut short: it ends in its header")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", dimensions, 4))
    kind = np.dtype(IDX_TYPES[content[2]])
    expected = start + int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    if len(content) != expected:
        raise InputError(
            f"{path} has {len(content)} bytes; expected {expected} for values of shape {shape}"
        )
    values = np.frombuffer(content, kind, offset=start).reshape(shape)
    return values.astype(kind.newbyteorder("="))


def _is_idx(path: Path) -> bool:
    """Whether a file begins as one of IDX format, or is gzipped and so no image."""
    with path.open("rb") as file:
        first = file.read(4)
    return first[:2] == b"\x1f\x8b" or (first[:2] == b"\0\0" and first[2:3] != b"\0")
