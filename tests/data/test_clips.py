"""Clips: their windows, made-up ones whose futures are known, video files."""

import struct
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from thalweg.core import InputError
from thalweg.data import (
    Windows,
    moving_digits,
    panning,
    passing_behind,
    read_clip,
    turning_digits,
)

SPRITES = (15 * load_digits().images[:50]).astype(np.uint8)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_windows_are_the_runs_of_every_clip():
    random = np.random.default_rng(0)
    clips = [random.integers(0, 9, (length, 3, 4), dtype=np.uint8) for length in (5, 3, 4)]
    rows = Windows(clips, 3)
    expected = [clip[s : s + 3].ravel() for clip in clips for s in range(len(clip) - 2)]
    np.testing.assert_array_equal(rows.take(np.arange(len(rows))), expected)
    ends = rows.last_runs()
    np.testing.assert_array_equal(ends.take(np.arange(3)), [clip[-3:].ravel() for clip in clips])
    whole = Windows(torch.from_numpy(np.stack([clips[0], clips[0]])), 5)
    assert len(whole) == 2
    assert whole.shape == (3, 4, 1)


def test_clips_that_cannot_be_used_are_named():
    clip = np.zeros((5, 3, 4))
    infinite = clip.copy()
    infinite[2, 1, 3] = np.inf
    hidden = clip.copy()
    hidden[1:4] = np.nan
    for clips, message in (
        ([clip, clip[:2]], "clip 1 has 2 frames; expected at least 3"),
        ([clip, clip[:, :2]], "clip 1 has frames of 2 x 4 with 1 channel; expected 3 x 4"),
        ([], "there are none"),
        (clip, r"clip 0 is float64 of shape \(3, 4\); expected numbers, .* goes into a list"),
        ([clip, infinite], r"clip 1, frame 2, pixel \(1, 3\) of channel 0 is inf"),
        ([clip, hidden], "clip 1, frames 1 to 3, has no visible entry"),
        ([np.zeros((3, 2, 4, 9))], "1 to 4 channels"),
    ):
        with pytest.raises(InputError, match=message):
            Windows(clips, 3).summary()


def test_digits_turn_when_they_are_said_to(generator):
    made = turning_digits(SPRITES, 400, generator, length=11, size=24, step=2)
    assert made.frames.shape == (400, 11, 24, 24)
    changed = (np.diff(made.heading, axis=1) != 0).any(axis=2)
    met_wall = (made.place[:, 1:] != made.place[:, :-1] + 2 * made.heading[:, :-1]).any(axis=2)
    for t in range(2, 11):
        if made.turns[t]:
            # a wall may turn a new direction back into the old one
            assert changed[:, t - 1].mean() > 0.9
        else:
            back = made.heading[:, t] != made.heading[:, t - 1]
            straight = made.place[:, t] == made.place[:, t - 1] + 2 * made.heading[:, t - 1]
            # a wall throws back along its own axis, nothing else does
            np.testing.assert_array_equal(back, ~straight)
            assert not (changed[:, t - 1] & ~met_wall[:, t - 1]).any()
    for i in range(5):
        row, column = made.place[i, 7]
        np.testing.assert_array_equal(
            made.frames[i, 7, row : row + 8, column : column + 8], made.sprite[i]
        )
        assert made.frames[i, 7].sum() == made.sprite[i].sum()


def test_what_could_be_has_what_was_and_each_as_often(generator):
    made = turning_digits(SPRITES[:1], 3000, generator, length=5, size=64, step=2)
    futures = made.could_be(4)
    which = []
    for frame, every in zip(made.frames[:, 4], futures, strict=True):
        same = [np.array_equal(frame, each) for each in every]
        assert sum(same) == 1
        if len(every) == 7:
            which.append(same.index(True))
    often = np.bincount(which, minlength=7) / len(which)
    assert np.abs(often - 1 / 7).max() < 5 * np.sqrt(6 / 49 / len(which))
    with pytest.raises(InputError, match="frame 3 does not follow on a turn"):
        made.could_be(3)


def test_moving_digits_keep_their_speed_and_stay_inside(generator):
    clips = moving_digits(SPRITES, 30, generator, length=12, size=40, count=1, speed=3.0)
    assert clips.shape == (30, 12, 40, 40)
    rows, columns = np.mgrid[:40, :40]
    mass = clips.sum(axis=(2, 3)).astype(float)
    assert (mass == mass[:, :1]).all()
    middle = np.stack([(clips * at).sum(axis=(2, 3)) / mass for at in (rows, columns)], axis=2)
    pace = np.linalg.norm(np.diff(middle, axis=1), axis=2)
    # places are rounded to whole pixels, along two axes
    assert pace.max() < 3 + np.sqrt(2)
    assert abs(np.median(pace) - 3) < 0.5


def test_a_disc_is_not_seen_where_it_is_hidden(generator):
    made = passing_behind(300, generator)
    assert made.hidden.any(axis=1).all()
    bright = (made.frames > 130).any(axis=(2, 3))
    assert not bright[made.hidden].any()
    rows, columns = np.mgrid[:40, :40]
    light = np.where(made.frames > 130, made.frames, 0).astype(float)
    clear = np.abs(made.place[..., 1] - 19.5) > 11.5
    inside = (made.place[..., 1] > 3) & (made.place[..., 1] < 36)
    for at, axis in ((rows, 0), (columns, 1)):
        middle = (light * at).sum(axis=(2, 3)) / np.maximum(light.sum(axis=(2, 3)), 1)
        seen = clear & inside
        assert np.abs(middle - made.place[..., axis])[seen].max() < 0.2


def test_the_generator_settles_everything():
    for make in (turning_digits, moving_digits):
        one, other = (make(SPRITES, 3, torch.Generator().manual_seed(4)) for _ in range(2))
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(InputError, match="squares smaller than a frame"):
        moving_digits(SPRITES, 1, torch.Generator(), size=8)


def test_a_video_file_is_read_and_a_bad_one_named(tmp_path, generator):
    import av

    frames = np.repeat(passing_behind(1, generator).frames[0][..., None], 3, axis=3)
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 40
        stream.bit_rate = 4_000_000
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    read = read_clip(path)
    assert read.shape == frames.shape
    # a lossy format: close, not equal
    assert np.abs(read.astype(int) - frames).mean() < 4
    assert read_clip(path, (16, 32), grey=True, every=2, most=3).shape == (3, 16, 32)
    np.testing.assert_array_equal(read_clip(path, every=3), read[::3])
    (tmp_path / "bad.mp4").write_text("no video")
    for name, message in (("bad.mp4", "cannot be decoded"), ("none.mp4", "no such file")):
        with pytest.raises(InputError, match=message):
            read_clip(tmp_path / name)
    with pytest.raises(InputError, match="at least 1, got 0"):
        read_clip(path, every=0)


def test_without_the_decoder_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"thalweg\[video\]"):
        read_clip(tmp_path / "clip.mp4")


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_videos_are_turned_upright(turns, tmp_path):
    av = pytest.importorskip("av", "14")
    path = tmp_path / "clip.mp4"
    picture = np.zeros((16, 32, 3), np.uint8)
    picture[:8, 16:] = 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    # the matrix by which players turn it, to the right so many times, in the header of the track
    a, b = ((1, 0), (0, 1), (-1, 0), (0, -1))[turns]
    matrix = struct.pack(">9i", *(2**16 * each for each in (a, b, 0, -b, a, 0, 0, 0)), 2**30)
    content = path.read_bytes()
    at = content.index(b"tkhd") + 44
    path.write_bytes(content[:at] + matrix + content[at + len(matrix) :])
    read = read_clip(path, grey=True)
    assert read.shape[1:] == ((16, 32) if turns % 2 == 0 else (32, 16))
    np.testing.assert_array_equal(read[0] > 128, np.rot90(picture[..., 0] > 128, -turns))
    assert read_clip(path, (24, 40)).shape[1:] == (24, 40, 3)


def test_what_is_near_moves_more(generator):
    made = panning(60, generator, length=3, size=32)
    assert made.frames.shape == made.depth.shape == (60, 3, 32, 32)
    assert set(np.unique(made.depth)) == {1.0, 2.0, 3.0}
    assert (np.abs(made.pan) >= 2).all()
    assert (np.abs(made.pan) <= 3).all()
    before, after = made.frames[:, 0].astype(float), made.frames[:, 1].astype(float)

    def left(layer, by):
        """Share of the variance of a layer's pixels that a motion does not explain."""
        errors, values = [], []
        for i in range(60):
            at = np.arange(32) + by[i]
            moved = np.stack([np.interp(at, np.arange(32), row) for row in before[i]])
            same = np.stack([np.interp(at, np.arange(32), row) for row in made.depth[i, 0]])
            # whose pixels were there, and of the same layer
            kept = (made.depth[i, 1] == layer) & (same == layer) & (at > 0) & (at < 31)
            errors.append((after[i] - moved)[kept])
            values.append(after[i][kept])
        return np.concatenate(errors).var() / np.concatenate(values).var()

    for layer in (1, 2, 3):
        # between pixels lies a straight line, which is not all of it
        right, wrong = left(layer, made.pan / layer), left(layer, made.pan / (1 + layer % 3))
        assert right < 0.05
        assert wrong > 2 * right
    # a frame alone says nothing: textures are of one kind
    for layer in (1, 2):
        near, far = (made.frames[made.depth == each] for each in (layer, 3))
        assert abs(near.mean() - far.mean()) < 6
        assert abs(near.std() / far.std() - 1) < 0.1
    with pytest.raises(InputError, match="speed is 40"):
        panning(1, generator, speed=40)
