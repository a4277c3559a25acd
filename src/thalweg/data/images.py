"""Images as rows of numbers."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from thalweg.core import InputError, as_array
from thalweg.data.source import Source, Summary

CHANNELS = 4
"""The most that an image may have: red, green, blue, and how opaque it is."""


class Images(Source):
    """n images of one size; a row is (height, width, channels) laid out flat, as float32.

    Pixels have the units that they came in: 0 to 255 where they were bytes.
    """

    chunk_bytes: ClassVar[int] = 2**19

    shape: tuple[int, int, int]
    """(height, width, channels)"""
    grey: bool
    """whether images came without a dimension for channels"""
    pixels: np.dtype
    """type of the pixels as they came"""
    white: int | None = None
    """the value of full brightness, where it is known: of image files, of bytes"""

    @property
    def n_columns(self) -> int:
        height, width, channels = self.shape
        return height * width * channels

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    @abstractmethod
    def originals(self) -> NDArray[Any]:
        """All of them as they came: (n, height, width[, channels])."""

    def painted(self, values: NDArray[np.floating]) -> NDArray[Any]:
        """The originals with values (n, d), of their type, where they are hidden."""
        result = self.originals()
        hidden = self._hidden_in(result)
        result[hidden] = _of_type(values.reshape(result.shape)[hidden], result.dtype)
        return result

    def formed(self, values: NDArray[np.floating]) -> NDArray[Any]:
        """Values (n, d) as images of the shape, and the type of pixels, that these have."""
        shape = self.shape[:2] if self.grey else self.shape
        return _of_type(values.reshape(-1, *shape), self.pixels)

    def _hidden_in(self, originals: NDArray[Any]) -> NDArray[np.bool_]:
        if originals.dtype.kind == "f":
            return np.isnan(originals)
        return np.zeros(originals.shape, bool)

    def described(self) -> str:
        """Size and channels in words."""
        return described(self.shape)

    def _row(self, row: int) -> str:
        return f"image {row}"

    def _entry(self, row: int, column: int, columns: list[str] | None) -> str:
        at = np.unravel_index(column, self.shape)
        return f"image {row}, pixel ({at[0]}, {at[1]}) of channel {at[2]}"


def _of_type(values: NDArray[np.floating], pixels: np.dtype) -> NDArray[Any]:
    """Values as pixels of a type: rounded and within its limits."""
    if pixels.kind in "iu":
        limits = np.iinfo(pixels)
        values = np.clip(np.rint(values), limits.min, limits.max)
    return (values > 0.5) if pixels.kind == "b" else values.astype(pixels)


class ImageArray(Images):
    """Images in an array, or in a file that is mapped as one.

    Parameters
    ----------
    values : array (n, height, width) or (n, height, width, channels)
    name : str, default "images"
        What messages call it.
    """

    def __init__(self, values: NDArray[Any], name: str = "images") -> None:
        if values.dtype.kind not in "fiub" or values.ndim not in (3, 4):
            raise InputError(
                f"{name}: {values.dtype} of shape {values.shape}; expected numbers, (n, height, "
                "width) or (n, height, width, channels)"
            )
        self.grey = values.ndim == 3
        height, width, channels = (*values.shape[1:], 1)[:3]
        if min(values.shape) < 1 or channels > CHANNELS:
            raise InputError(
                f"{name}: shape {values.shape}; expected at least one image, with 1 to {CHANNELS} "
                "channels in the last place"
            )
        self.values, self.shape = values, (height, width, channels)
        self.pixels = values.dtype
        self.white = 255 if values.dtype == np.uint8 else None

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: NDArray[np.integer]) -> NDArray[np.floating]:
        return np.asarray(self.values[index], np.float32).reshape(len(index), -1)

    def originals(self) -> NDArray[Any]:
        return np.array(self.values)


class CoveredImages(Images):
    """Images with a part of them hidden.

    Parameters
    ----------
    images : Images
    mask : array of bool, (height, width), (n, height, width) or (n, height, width, channels)
        True where they are hidden.

    Raises
    ------
    InputError
        If the mask has another shape, hides all of an image, or nothing of any.
    """

    def __init__(self, images: Images, mask: Any) -> None:
        self.images, self.shape = images, images.shape
        self.grey, self.pixels, self.white = images.grey, images.pixels, images.white
        hides = as_array("mask", mask)
        height, width, channels = self.shape
        n = len(images)
        known = ((height, width), (n, height, width), (n, height, width, channels))
        if hides.dtype != bool or hides.shape not in known:
            raise InputError(
                f"mask: {hides.dtype} of shape {hides.shape}; expected bool, (height, width), (n, "
                f"height, width) or (n, height, width, channels), here {known[0]}, {known[1]} or "
                f"{known[2]}"
            )
        if hides.ndim < 4:
            hides = hides[..., None]
        self.hidden = np.broadcast_to(hides, (n, *self.shape))
        if not hides.any():
            raise InputError("mask: it hides nothing; expected some True in it")
        full = hides.reshape(-1, hides.shape[-3] * hides.shape[-2] * hides.shape[-1]).all(axis=1)
        if full.any():
            raise InputError(
                f"mask: it hides all of image {int(np.argmax(full))}; expected something to see in "
                "every image"
            )

    def __len__(self) -> int:
        return len(self.images)

    def take(self, index: NDArray[np.integer]) -> NDArray[np.floating]:
        rows = self.images.take(index)
        rows[self.hidden[index].reshape(len(index), -1)] = np.nan
        return rows

    def originals(self) -> NDArray[Any]:
        return self.images.originals()

    def _hidden_in(self, originals: NDArray[Any]) -> NDArray[np.bool_]:
        return super()._hidden_in(originals) | self.hidden.reshape(originals.shape)


def described(shape: tuple[int, int, int]) -> str:
    """Size and channels in words."""
    height, width, channels = shape
    return f"{height} x {width} with {channels} channel{'s' if channels > 1 else ''}"


def pixel_units(summary: Summary, shape: tuple[int, int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of every channel, spread over the pixels: (d,), float32.

    Pixels keep what sets them apart from one another, which units of their own would take away.
    """
    count = np.maximum(summary.visible, 0).reshape(-1, shape[2])
    mean, squares = summary.mean.reshape(count.shape), summary.squares.reshape(count.shape)
    total = np.maximum(count.sum(axis=0), 1)
    middle = (count * mean).sum(axis=0) / total
    variance = (squares + count * (mean - middle) ** 2).sum(axis=0) / total
    spread = np.where(variance > 0, np.sqrt(variance), 1)

    def everywhere(each: NDArray[np.float64]) -> torch.Tensor:
        return torch.from_numpy(np.tile(each, len(count)).astype(np.float32))

    return everywhere(middle), everywhere(spread)
