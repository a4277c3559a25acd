"""Photos as planes that a network takes, tile by tile, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import InputError
from thalweg.data import Picture

COLOURS = 3

TILE = 256
"""Side of what is looked at in one piece, in pixels"""


def planes_of(picture: Picture, channels: int, like: Tensor) -> tuple[Tensor, bool]:
    """Colours of an image as a network of so many channels takes them, (n, height, width, c).

    And whether they are apart, one an image.
    """
    y = torch.from_numpy(np.ascontiguousarray(opaque(picture))).to(like)
    if channels == 1:
        return y.permute(2, 0, 1)[..., None], True
    return y.expand(*y.shape[:2], COLOURS)[None], False


def joined(clean: Tensor, apart: bool, picture: Picture) -> NDArray[np.floating]:
    """What a network gave of a picture as it came, transparency as it was."""
    whole = clean[..., 0].permute(1, 2, 0) if apart else clean[0]
    values: NDArray[np.floating] = whole.cpu().numpy()
    if not apart and picture.values.shape[2] < COLOURS:
        values = values.mean(axis=2, keepdims=True)
    alpha = picture.values[..., values.shape[2] :]
    return np.concatenate([values, alpha], axis=2)


def opaque(picture: Picture) -> NDArray[np.float32]:
    """The colours of an image, without how opaque they are."""
    values = picture.values
    return values[..., :-1] if values.shape[2] in (2, 4) else values


def with_channels(image: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    if image.shape[2] == channels:
        return image
    if image.shape[2] != 1:
        raise InputError(f"images of {image.shape[2]} channels; expected 1 or {COLOURS}")
    return np.repeat(image, channels, axis=2)


def places(size: Any) -> list[tuple[slice, slice]]:
    """The tiles of an image; one ends where the next begins."""
    return [
        (slice(top, min(top + TILE, size[0])), slice(left, min(left + TILE, size[1])))
        for top in range(0, size[0], TILE)
        for left in range(0, size[1], TILE)
    ]


def tiles(y: Tensor, reach: int) -> Iterator[tuple[Tensor, tuple[slice, slice]]]:
    """Each tile with what it sees around it, and where it is in that.

    Squares of 2 x 2 pixels have to fall in the tile as they fall in the whole.
    """
    reach += reach % 2
    height, width = y.shape[1:3]
    for rows, columns in places((height, width)):
        top, left = max(rows.start - reach, 0), max(columns.start - reach, 0)
        tile = y[:, top : rows.stop + reach, left : columns.stop + reach]
        inner = (
            slice(rows.start - top, rows.stop - top),
            slice(columns.start - left, columns.stop - left),
        )
        yield tile, inner
