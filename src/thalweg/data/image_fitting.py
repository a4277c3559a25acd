"""Images of other sizes and channels brought to those of the others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LUMA = np.array([0.299, 0.587, 0.114])
"""Shares of red, green and blue in grey (ITU-R BT.601)"""


def brought_to(
    pixels: NDArray[Any], shape: tuple[int, int, int], white: int | None
) -> NDArray[np.floating]:
    """Pixels (height, width[, channels]) in another shape: (height, width, channels).

    Of transparent images what lies on white is taken where others are opaque; colours become grey
    by how bright they are, grey has equal colours. Then the image is scaled until it just covers
    the new size, and what stands out is cut off on both sides.
    """
    planes = np.asarray(pixels, np.float64)
    planes = planes[..., None] if planes.ndim == 2 else planes
    return _sized(_recoloured(planes, shape[2], white), shape[:2])


def _recoloured(values: NDArray[np.floating], channels: int, white: int | None) -> NDArray[Any]:
    given = values.shape[2]
    full = float(white) if white is not None else float(values.max(initial=1.0))
    if given == channels:
        return values
    clear = given in (2, 4)
    colours, share = (values[..., :-1], values[..., -1:] / full) if clear else (values, None)
    if channels in (1, 3) and share is not None:
        colours = share * colours + (1 - share) * full
    if channels > 2 and colours.shape[2] == 1:
        colours = np.repeat(colours, 3, axis=2)
    if channels < 3 and colours.shape[2] == 3:
        colours = (colours @ LUMA)[..., None]
    if channels in (1, 3):
        return colours
    whole = np.ones((*colours.shape[:2], 1)) if share is None else share
    return np.concatenate([colours, full * whole], axis=2)


def _sized(values: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.floating]:
    height, width = values.shape[:2]
    if (height, width) == size:
        return values
    scale = max(size[0] / height, size[1] / width)
    # the part that is kept, in pixels of the image as it is
    tall, wide = size[0] / scale, size[1] / scale
    top, left = (height - tall) / 2, (width - wide) / 2
    planes = [
        np.asarray(
            Image.fromarray(values[..., c].astype(np.float32)).resize(
                (size[1], size[0]), Image.Resampling.BICUBIC,
                (max(left, 0), max(top, 0), min(left + wide, width), min(top + tall, height)),
            )
        )
        for c in range(values.shape[2])
    ]  # fmt: skip
    # cubic splines go beyond what is there at edges
    return np.stack(planes, axis=2).clip(values.min(), values.max()).astype(np.float64)
