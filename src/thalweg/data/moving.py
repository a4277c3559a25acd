"""Made-up clips whose futures are known."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from thalweg.core import InputError
from thalweg.data.random_numbers import Draws

EIGHT = np.array([(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)])
"""The directions that a turning digit may take: (row, column)"""


BEHIND = 40
"""Side of the pictures in which a disc passes behind a bar."""


class TurningDigits(NamedTuple):
    """Clips of digits that turn at known moments, and what else each could have done."""

    frames: NDArray[np.uint8]
    """(n, time, height, width)"""
    place: NDArray[np.int64]
    """(n, time, 2), the row and column of the sprite's upper left corner"""
    heading: NDArray[np.int64]
    """(n, time, 2), the direction that each is left with by the step to this frame"""
    sprite: NDArray[np.uint8]
    """(n, side, side)"""
    turns: NDArray[np.bool_]
    """(time,), whether the step to this frame goes in a new, random direction"""
    step: int

    def could_be(self, time: int) -> list[NDArray[np.uint8]]:
        """For each clip, the different frames (k, height, width) that the turn at a time may give.

        Every direction but the one before it is as probable as any other; walls turn some of them
        into one another.
        """
        if not self.turns[time]:
            raise InputError(f"could_be: frame {time} does not follow on a turn")
        size = self.frames.shape[2] - self.sprite.shape[1]
        result = []
        before = zip(self.place[:, time - 1], self.heading[:, time - 1], self.sprite, strict=True)
        for place, heading, sprite in before:
            ends = {
                tuple(_reflected(place + self.step * d, size)[0])
                for d in EIGHT
                if not np.array_equal(d, heading)
            }
            result.append(
                np.stack([_drawn(sprite, end, self.frames.shape[2]) for end in sorted(ends)])
            )
        return result


def turning_digits(
    sprites: NDArray[np.uint8],
    n: int,
    generator: torch.Generator,
    length: int = 8,
    size: int = 32,
    step: int = 3,
    every: int = 3,
) -> TurningDigits:
    """Digits in straight motion that take a new direction, one of eight, every few frames.

    Walls reflect them. The direction before a turn does not come again, so that whoever has seen
    the last turn knows when the next one comes, but not where it leads.

    Parameters
    ----------
    sprites : array (m, side, side), uint8
        What moves.
    n : int
        Clips.
    generator : torch.Generator
    length : int, default 8
        Frames.
    size : int, default 32
        Of a frame, in pixels a side.
    step : int, default 3
        Pixels from frame to frame, along each axis that a direction has.
    every : int, default 3
        Frames from turn to turn.
    """
    room = _room(sprites, size)
    draw = Draws(generator)
    sprite = sprites[draw.below(len(sprites), n)]
    place = np.empty((n, length, 2), np.int64)
    place[:, 0] = np.stack([draw.below(room + 1, n), draw.below(room + 1, n)], axis=1)
    time = np.arange(length)
    turns = (time > 1) & (time % every == 1 % every)
    heading = np.empty_like(place)
    direction = heading[:, 0] = EIGHT[draw.below(8, n)]
    for t in range(1, length):
        if turns[t]:
            others = np.stack([EIGHT[~(each == EIGHT).all(axis=1)] for each in direction])
            direction = others[np.arange(n), draw.below(7, n)]
        place[:, t], back = _reflected(place[:, t - 1] + step * direction, room)
        direction = heading[:, t] = np.where(back, -direction, direction)
    frames = np.stack(
        [[_drawn(s, at, size) for at in path] for s, path in zip(sprite, place, strict=True)]
    )
    return TurningDigits(frames, place, heading, sprite, turns, step)


def moving_digits(
    sprites: NDArray[np.uint8],
    n: int,
    generator: torch.Generator,
    length: int = 20,
    size: int = 64,
    count: int = 2,
    speed: float = 3.6,
) -> NDArray[np.uint8]:
    """Moving MNIST: digits that cross one another in straight lines and bounce off the walls.

    Each has a direction of its own, any; where they cross, the brighter pixel is seen.

    Parameters
    ----------
    sprites : array (m, side, side), uint8
    n : int
        Clips.
    generator : torch.Generator
    length, size, count : int, default 20, 64 and 2
        Frames, pixels a side, and digits.
    speed : float, default 3.6
        Pixels from frame to frame.

    Returns
    -------
    array (n, length, size, size), uint8

    References
    ----------
    Srivastava, Mansimov, Salakhutdinov, "Unsupervised learning of video representations using
    LSTMs" (2015), section 3.1.
    """
    room = _room(sprites, size)
    draw = Draws(generator)
    frames = np.zeros((n, length, size, size), np.uint8)
    for _ in range(count):
        sprite = sprites[draw.below(len(sprites), n)]
        angle = 2 * np.pi * draw.unit(n)
        at = room * np.stack([draw.unit(n), draw.unit(n)], axis=1)
        velocity = speed * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        for t in range(length):
            for frame, each, place in zip(frames[:, t], sprite, at, strict=True):
                np.maximum(frame, _drawn(each, np.rint(place).astype(int), size), out=frame)
            at, back = _reflected(at + velocity, room)
            velocity = np.where(back, -velocity, velocity)
    return frames


class PassingBehind(NamedTuple):
    """Clips in which a disc passes behind a bar."""

    frames: NDArray[np.uint8]
    """(n, time, 40, 40)"""
    place: NDArray[np.float64]
    """(n, time, 2), the row and column of the disc's middle"""
    hidden: NDArray[np.bool_]
    """(n, time), whether all of it is behind the bar"""


def passing_behind(n: int, generator: torch.Generator, length: int = 16) -> PassingBehind:
    """A disc crosses the picture from the left or the right, behind an upright bar in the middle.

    Where it starts, how high, how fast (1.5 to 2.5 pixels a frame) and how it drifts up or down are
    random. The picture is 40 pixels a side, the bar 16 wide, the disc 6.

    Parameters
    ----------
    n : int
        Clips.
    generator : torch.Generator
    length : int, default 16
        Frames.
    """
    draw = Draws(generator)
    side = np.where(draw.unit(n) < 0.5, 1.0, -1.0)
    speed, start = 1.5 + draw.unit(n), 12 + 5 * draw.unit(n)
    height, drift = 10 + 19 * draw.unit(n), draw.unit(n) - 0.5
    time, middle = np.arange(length), (BEHIND - 1) / 2
    column = middle + side[:, None] * (speed[:, None] * time - start[:, None])
    place = np.stack([height[:, None] + drift[:, None] * time, column], axis=2)
    rows, columns = np.mgrid[:BEHIND, :BEHIND]
    apart = np.hypot(rows - place[..., 0, None, None], columns - place[..., 1, None, None])
    frames = 255 * np.clip(3.5 - apart, 0, 1)
    frames[..., np.abs(columns[0] - middle) < 8] = 120
    hidden = np.abs(column - middle) + 3.5 < 8
    return PassingBehind(np.rint(frames).astype(np.uint8), place, hidden)


def _room(sprites: NDArray[np.uint8], size: int) -> int:
    """How far a sprite can move, in pixels."""
    if sprites.ndim != 3 or sprites.shape[1] != sprites.shape[2] or sprites.shape[1] >= size:
        raise InputError(
            f"sprites: shape {sprites.shape}; expected squares smaller than a frame, {size} pixels"
        )
    return size - int(sprites.shape[1])


def _reflected(place: NDArray[Any], room: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Places thrown back by the walls at 0 and room, and along which axes they were."""
    back = (place < 0) | (place > room)
    return np.where(place < 0, -place, np.where(place > room, 2 * room - place, place)), back


def _drawn(
    sprite: NDArray[np.uint8], place: NDArray[np.integer] | tuple[int, ...], size: int
) -> NDArray[np.uint8]:
    frame = np.zeros((size, size), np.uint8)
    side = len(sprite)
    frame[place[0] : place[0] + side, place[1] : place[1] + side] = sprite
    return frame
