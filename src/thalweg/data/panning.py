"""Scenes that a camera moves past: what is near moves more."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from thalweg.core import InputError, whole_number
from thalweg.data.random_numbers import Draws

SMOOTH = (1.0, 4.0, 6.0, 4.0, 1.0)
"""The blur of textures, up to its sum: so that half a pixel of motion is seen"""

SQUARES = 3
"""Of each layer before the last one"""


class Panning(NamedTuple):
    """Clips of a moving camera, and how far away is what it sees."""

    frames: NDArray[np.uint8]
    """(n, time, size, size)"""
    depth: NDArray[np.float64]
    """(n, time, size, size), of what is seen at each pixel, the nearest layer's 1"""
    pan: NDArray[np.float64]
    """(n,), pixels that the nearest layer moves from frame to frame, to the left where above 0"""


def panning(
    n: int,
    generator: torch.Generator,
    length: int = 5,
    size: int = 32,
    layers: int = 3,
    speed: float = 3.0,
) -> Panning:
    r"""A camera goes sideways past layers of squares with the same random texture on them.

    Layer l of depth :math:`d_l = l` moves by :math:`v / d_l` pixels from frame to frame, v from two
    thirds of ``speed`` to all of it, to either side. No single frame says what is near: every layer
    has a texture of the same kind, and squares of the same sizes.

    Parameters
    ----------
    n : int
        Clips.
    generator : torch.Generator
    length, size, layers : int, default 5, 32 and 3
        Frames, pixels a side, and layers; the last of these fills the picture.
    speed : float, default 3
        Pixels from frame to frame.
    """
    n, length = whole_number("panning: n", n), whole_number("panning: length", length)
    layers, size = whole_number("panning: layers", layers), whole_number("panning: size", size, 8)
    if not 0 < speed < size:
        raise InputError(f"panning: speed is {speed}; expected above 0 and below size, {size}")
    draw = Draws(generator)
    pan = speed * (2 / 3 + draw.unit(n) / 3) * np.where(draw.unit(n) < 0.5, -1, 1)
    reach = int(np.ceil(speed * length)) + 1
    frames = np.zeros((n, length, size, size))
    depth = np.full(frames.shape, np.nan)
    for layer in range(layers, 0, -1):
        texture = _texture(draw, n, size, size + 2 * reach)
        covers = np.ones(texture.shape, bool) if layer == layers else _squares(draw, texture.shape)
        for t in range(length):
            at = reach + pan * t / layer
            seen, there = _moved(texture, at, size), _moved(covers.astype(float), at, size)
            # an edge is where half of a pixel is covered
            frames[:, t] = np.where(there >= 0.5, seen, frames[:, t])
            depth[:, t] = np.where(there >= 0.5, layer, depth[:, t])
    return Panning(np.clip(np.rint(frames), 0, 255).astype(np.uint8), depth, pan)


def _texture(draw: Draws, n: int, height: int, width: int) -> NDArray[np.float64]:
    """Noise, a little smooth, about 128."""
    noise = draw.unit(n * height * width).reshape(n, height, width) - 0.5
    line = np.array(SMOOTH) / sum(SMOOTH)
    for axis in (1, 2):
        noise = sum(
            weight * np.roll(noise, shift - 2, axis=axis) for shift, weight in enumerate(line)
        )
    return np.asarray(128 + 60 * noise / noise.std())


def _squares(draw: Draws, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Where squares of a layer are: (n, height, width)."""
    n, height, width = shape
    rows, columns = np.arange(height)[:, None], np.arange(width)
    covers = np.zeros(shape, bool)
    count = max(1, round(SQUARES * width / (2 * height)))
    for _ in range(count):
        side = (height * (0.25 + 0.25 * draw.unit(n)))[:, None, None]
        top, left = (draw.unit(n)[:, None, None] * extent - side / 2 for extent in (height, width))
        covers |= (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
    return covers


def _moved(planes: NDArray[np.float64], at: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """``size`` columns of each plane from a place on, between pixels by a straight line."""
    first = np.floor(at).astype(int)
    columns = first[:, None] + np.arange(size + 1)
    part = np.take_along_axis(planes, columns[:, None, :], axis=2)
    share = (at - first)[:, None, None]
    return (1 - share) * part[..., :-1] + share * part[..., 1:]
