"""Clips from video files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thalweg.core import InputError, whole_number
from thalweg.data.clips import ClipsLike


def as_clips(given: ClipsLike | str | os.PathLike[str]) -> ClipsLike:
    """Clips as they are, those of a ``.npy`` file, or the one of a video file; of a list each."""
    if not isinstance(given, (str, os.PathLike)):
        if isinstance(given, (list, tuple)):
            return [
                read_clip(each) if isinstance(each, (str, os.PathLike)) else each for each in given
            ]
        return given
    if Path(given).suffix.lower() != ".npy":
        return [read_clip(given)]
    try:
        clips: NDArray[Any] = np.load(given, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{given} is not a readable .npy file of clips ({error})") from error
    return clips


def read_clip(
    path: str | os.PathLike[str],
    size: tuple[int, int] | None = None,
    grey: bool = False,
    every: int = 1,
    most: int | None = None,
) -> NDArray[np.uint8]:
    """The frames of a video file: (time, height, width, 3), or (time, height, width) in grey.

    They are turned upright as the file says, of what a telephone took on its side. Needs the
    ``video`` extra, for PyAV (FFmpeg).

    Parameters
    ----------
    path : path
    size : pair of int, optional
        (height, width) to bring frames to.
    grey : bool, default False
    every : int, default 1
        Which frames: 2 is every other one.
    most : int, optional
        How many at most.

    Raises
    ------
    InputError
        If there is no such file, no video in it, or it cannot be decoded.
    """
    try:
        import av
    except ImportError as error:
        raise InputError(
            "read_clip: PyAV is not installed; expected the extra thalweg[video] to be"
        ) from error
    if not Path(path).is_file():
        there = "not a file" if Path(path).exists() else "no such file"
        raise InputError(f"{path}: {there}; expected a video")
    every = whole_number("read_clip: every", every)
    most = None if most is None else whole_number("read_clip: most", most)
    frames: list[Any] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{path} has no video in it; expected a video file")
            for i, frame in enumerate(container.decode(video=0)):
                if i % every == 0:
                    # to the left; PyAV does not tell before its version 14
                    turns = round(getattr(frame, "rotation", 0) / 90) % 4
                    height, width = (
                        (None, None) if size is None else size[:: -1 if turns % 2 else 1]
                    )
                    kind = "gray" if grey else "rgb24"
                    stored = frame.reformat(width, height, kind).to_ndarray()
                    frames.append(np.rot90(stored, turns))
                if most is not None and len(frames) == most:
                    break
    except av.FFmpegError as error:
        raise InputError(f"{path} cannot be decoded ({error}); expected a video file") from error
    if not frames:
        raise InputError(f"{path} has no frames; expected a video file")
    return np.stack(frames)
