"""What networks make of frames: planes of a quarter of their size, and some numbers."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from thalweg.energies.initial import draw_weights


class ClipShape(NamedTuple):
    """Of what a network of clips is shown and asked for."""

    height: int
    width: int
    channels: int
    context: int
    """frames that are given"""
    horizon: int
    """frames that follow"""

    @property
    def frame(self) -> int:
        """Numbers in a frame."""
        return self.height * self.width * self.channels


class FrameEncoder(nn.Module):
    """Convolutions over some frames at once, to a quarter of their size: from planes to planes.

    Parameters
    ----------
    frames : int
        Channels of all the frames together.
    width : int
        Channels of the result; the first layer has half as many.
    """

    def __init__(self, frames: int, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [
                nn.Conv2d(frames, width // 2, 3, padding=1),
                nn.Conv2d(width // 2, width, 3, stride=2, padding=1),
                nn.Conv2d(width, width, 3, stride=2, padding=1),
            ]
        )
        self.far = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=step, dilation=step) for step in (1, 2)
        )
        self.norm = nn.GroupNorm(1, width)

    def forward(self, planes: Tensor) -> Tensor:
        at = planes
        for layer in self.layers:
            at = functional.silu(layer(at))
        for layer in self.far:
            at = at + functional.silu(layer(at))
        result: Tensor = self.norm(at)
        return result


class FrameSummary(nn.Module):
    """Some numbers about frames (n, frames * frame): (n, size), or (n, places, size).

    Parameters
    ----------
    shape : ClipShape
    frames, size : int
    width : int
        Channels of the planes that are averaged.
    places : pair of int, default (1, 1)
        Rows and columns of places that are averaged over, each by itself.
    """

    def __init__(
        self, shape: ClipShape, frames: int, size: int, width: int, places: tuple[int, int] = (1, 1)
    ) -> None:
        super().__init__()
        self.shape, self.frames, self.places = shape, frames, places
        self.encoder = FrameEncoder(frames * shape.channels, width)
        self.layers = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, size))

    def forward(self, rows: Tensor) -> Tensor:
        at = self.encoder(planes_of(rows, self.shape, self.frames))
        if self.places == (1, 1):
            whole: Tensor = self.layers(
                torch.cat([at.mean(dim=(2, 3)), at.amax(dim=(2, 3))], dim=1)
            )
            return whole
        both = [
            pool(at, self.places).flatten(2)
            for pool in (functional.adaptive_avg_pool2d, functional.adaptive_max_pool2d)
        ]
        result: Tensor = self.layers(torch.cat(both, dim=1).transpose(1, 2))
        return result


class FrameRecognition(nn.Module):
    """From what follows and what was given to the parameters of z: ``network(y, x)``, (n, size).

    Parameters
    ----------
    shape : ClipShape
    size : int
    width : int, default 64
    generator : torch.Generator, optional
        Of the initial weights.
    """

    def __init__(
        self,
        shape: ClipShape,
        size: int,
        width: int = 64,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.summary = FrameSummary(shape, shape.context + shape.horizon, size, width)
        draw_weights(self, generator)

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        result: Tensor = self.summary(torch.cat([x, y], dim=1))
        return result


def planes_of(rows: Tensor, shape: ClipShape, frames: int) -> Tensor:
    """Flat frames as channels: (n, frames * channels, height, width)."""
    split = rows.reshape(-1, frames, shape.height, shape.width, shape.channels)
    return split.permute(0, 1, 4, 2, 3).flatten(1, 2)
