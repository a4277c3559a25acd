"""Clips as rows of numbers: some frames that are given, and those that follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from thalweg.core import InputError, as_array
from thalweg.data.images import CHANNELS, described
from thalweg.data.source import Source

ClipsLike: TypeAlias = NDArray[Any] | torch.Tensor | Sequence[Any]
"""An array or a tensor (n, time, height, width[, channels]), or a list of (time, ...) of them."""


class Windows(Source):
    """Every run of so many frames of each clip; a row is (time, height, width, channels) laid flat.

    Parameters
    ----------
    clips : array (n, time, height, width[, channels]), or a list of (time, height, width[, ...])
        Of a list, lengths may differ; sizes may not.
    length : int
        Frames of a row.
    name : str, default "clips"
        What messages call them.
    last : bool, default False
        Whether only the last run of each clip counts.
    """

    chunk_bytes: ClassVar[int] = 2**21

    def __init__(
        self, clips: ClipsLike, length: int, name: str = "clips", last: bool = False
    ) -> None:
        if not hasattr(clips, "__iter__") or getattr(clips, "ndim", 1) == 0:
            raise InputError(
                f"{name}: {type(clips).__name__}; expected an array, or a list of clips"
            )
        given = list(clips)
        if not given:
            raise InputError(f"{name}: there are none; expected at least one")
        self.grey = np.ndim(given[0]) == 3
        self.clips = [_clip(clip, i, name) for i, clip in enumerate(given)]
        self.length = length
        self.shape = self.clips[0].shape[1:]
        for i, clip in enumerate(self.clips):
            if clip.shape[1:] != self.shape:
                raise InputError(
                    f"{name}: clip {i} has frames of {described(clip.shape[1:])}; expected "
                    f"{described(self.shape)}, as clip 0 has"
                )
            if len(clip) < length:
                raise InputError(
                    f"{name}: clip {i} has {len(clip)} frames; expected at least {length}"
                )
        self._name = name
        # frames of each clip before the first run that counts
        runs = np.array([len(clip) - length + 1 for clip in self.clips])
        self._before = runs - 1 if last else np.zeros_like(runs)
        self._ends = np.cumsum(runs - self._before)
        self._starts = self._ends - (runs - self._before)

    def __len__(self) -> int:
        return int(self._ends[-1])

    @property
    def n_columns(self) -> int:
        return self.length * int(np.prod(self.shape))

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    def take(self, index: NDArray[np.integer]) -> NDArray[np.floating]:
        result = np.empty((len(index), self.length, *self.shape), np.float32)
        which = np.searchsorted(self._ends, index, side="right")
        for row, clip, start in zip(result, which, self._first(which, index), strict=True):
            row[:] = self.clips[clip][start : start + self.length]
        return result.reshape(len(index), -1)

    def _first(self, clip: Any, row: Any) -> Any:
        """The frame of its clip that a run begins with."""
        return row - self._starts[clip] + self._before[clip]

    def last_runs(self) -> Windows:
        """The last run of each clip alone."""
        return Windows(self.clips, self.length, self._name, last=True)

    def _refuse(
        self, chunk: NDArray[np.floating], start: int, name: str, columns: list[str] | None
    ) -> None:
        super()._refuse(chunk, start, name, columns)
        row, column = np.argwhere(np.isnan(chunk))[0]
        raise InputError(
            f"{name}: {self._entry(start + int(row), int(column), columns)} is NaN; expected "
            "complete frames"
        )

    def _row(self, row: int) -> str:
        clip = int(np.searchsorted(self._ends, row, side="right"))
        first = int(self._first(clip, row))
        return f"clip {clip}, frames {first} to {first + self.length - 1},"

    def _entry(self, row: int, column: int, columns: list[str] | None) -> str:
        clip = int(np.searchsorted(self._ends, row, side="right"))
        at = np.unravel_index(column, (self.length, *self.shape))
        frame = int(self._first(clip, row)) + at[0]
        return f"clip {clip}, frame {frame}, pixel ({at[1]}, {at[2]}) of channel {at[3]}"


def _clip(given: Any, i: int, name: str) -> NDArray[Any]:
    """(time, height, width, channels)."""
    values = as_array(f"{name}: clip {i}", given)
    if values.dtype.kind not in "fiub" or values.ndim not in (3, 4) or min(values.shape) < 1:
        raise InputError(
            f"{name}: clip {i} is {values.dtype} of shape {values.shape}; expected numbers, (time, "
            "height, width) or (time, height, width, channels) (a single clip goes into a list)"
        )
    values = values[..., None] if values.ndim == 3 else values
    if values.shape[3] > CHANNELS:
        raise InputError(
            f"{name}: clip {i} has shape {values.shape}; expected 1 to {CHANNELS} channels in the "
            "last place"
        )
    return values
