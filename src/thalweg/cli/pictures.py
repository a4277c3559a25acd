"""Images and masks in files, as people have them, and answers in such."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image

from thalweg.cli.spare import spare
from thalweg.core import InputError
from thalweg.core.files import write_beside
from thalweg.data import ImageFiles, Picture, pictures_of
from thalweg.data.image_decoding import decode
from thalweg.data.image_files import DAMAGE, ENDINGS
from thalweg.data.npy import read_npy
from thalweg.data.pictures import picture_names, read_pictures

BYTE = 255


def read_mask(path: str | None) -> NDArray[Any] | None:
    """Where images are hidden: a ``.npy`` file of bool, or a picture that is not black there."""
    if path is None:
        return None
    if Path(path).suffix.lower() not in ENDINGS:
        return np.array(read_npy(path, "a mask"))
    try:
        pixels = decode(path).pixels
    except DAMAGE as error:
        raise InputError(f"{path} cannot be decoded ({error}); expected a mask") from error
    # opacity is no colour, and files that lose a little are not quite black
    colours = pixels if pixels.ndim == 2 else pixels[..., :3].max(axis=2)
    return np.asarray(colours > np.iinfo(pixels.dtype).max // 8)


def give_images(
    made: Callable[[], NDArray[Any]],
    out: str | None,
    asked: Any = None,
    several: bool = False,
    white: int | None = None,
    count: int | None = None,
) -> None:
    """Write images once they are made; a bad name is said before, and where it is known how many
    there will be, that they have no place.

    To a ``.npy`` file; to a ``.png`` file where there is one; or to a folder of PNG files, named as
    the files that were asked about, of ``several`` answers with a number behind. Numbers whose
    ``white`` is known become bytes in PNG (16 bits, where white is more than a byte).
    """
    out, ending = _place(out, "images", ".npy or .png")
    if count is not None and ending == ".png":
        _check_alone(count, out)
    if count is not None and not ending:
        _targets(out, None, count, several)
    images = made()
    if ending == ".npy":
        _save(images, out)
        return
    if white is not None:
        kind = np.iinfo(np.uint16 if white > BYTE else np.uint8)
        images = np.rint(np.clip(images / white, 0, 1) * kind.max).astype(kind.dtype)
    if several:
        images = np.concatenate([images[:, i] for i in range(images.shape[1])])
    if ending == ".png":
        _check_alone(len(images), out)
        spare(out, *getattr(asked, "names", ()))
        _write(images[0], Path(out))
        return
    below = None
    if isinstance(asked, ImageFiles):
        top = asked.folder if asked.folder.is_dir() else asked.folder.parent
        below = [os.path.relpath(name, top) for name in asked.names]
    for image, target in zip(images, _targets(out, below, len(images), several), strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(image, target)


def give_photos(
    made: Callable[[list[Picture]], list[NDArray[Any]]], asked: Photos, out: str | None
) -> None:
    """Write what is made of each photo, one after the other.

    To a .png or .npy file where there is one photo, to a .npy file where they came in one, or to a
    folder: PNG files, and .npy for numbers that have no place in PNG.
    """
    out, ending = _place(out, "photos", ".png or .npy")
    if ending and len(asked.names) != 1 and not (ending == ".npy" and asked.array):
        raise InputError(
            f"--out {out}: there are {len(asked.names)} images; expected the name of a folder"
        )
    if ending:
        spare(out, *asked.names)
        found = [made([picture])[0] for picture in asked.pictures()]
        if ending == ".png":
            _write(found[0], Path(out))
            return
        _save(np.stack(found) if asked.array else found[0], out)
        return
    places = dict(
        zip(asked.names, _targets(out, asked.below, len(asked.names), False), strict=True)
    )
    for picture in asked.pictures():
        target = places[picture.name]
        target.parent.mkdir(parents=True, exist_ok=True)
        (clean,) = made([picture])
        if has_place_in_png(clean):
            _write(clean, target)
        else:
            _save(clean, target.with_suffix(".npy"))


def by_photo(fitted: Any, asked: Photos) -> pl.DataFrame:
    """The energy of each photo, and the noise in it, one at a time."""
    rows = []
    for each in asked.pictures():
        energy = float(fitted.energy([each])[0])
        rows.append((each.name, energy, fitted.level_of(each, energy)))
    schema = {"file": pl.String, "energy": pl.Float64, "noise": pl.Float64}
    return pl.DataFrame(rows, schema, orient="row")


def _check_alone(count: int, out: str) -> None:
    if count != 1:
        raise InputError(f"--out {out}: there are {count} images; expected the name of a folder")


def _place(out: str | None, what: str, endings: str) -> tuple[str, str]:
    """Where images go, and the ending of its name, which a folder has not."""
    ending = "" if out is None else Path(out).suffix.lower()
    if out is None or ending not in (".npy", ".png", ""):
        given = "no --out was given" if out is None else f"--out {out}"
        raise InputError(
            f"{given}; {what} go to a file or a folder: expected a name that ends in {endings}, "
            "or of a folder"
        )
    return out, ending


def _save(values: NDArray[Any], path: str | Path) -> None:
    with write_beside(path) as beside, beside.open("wb") as file:
        np.save(file, values)


def _targets(out: str, below: list[str] | None, n: int, several: bool) -> list[Path]:
    """Where images go, none of which may be there."""
    targets = [Path(out, name) for name in _names(below, n, several)]
    # numbers that have no place in PNG go beside, as .npy
    there = [target for target in targets if target.exists() or target.with_suffix(".npy").exists()]
    if there:
        raise InputError(
            f"--out {out}: {there[0]} is there already ({len(there)} of {len(targets)} are); "
            "expected a folder without them"
        )
    return targets


def _names(below: list[str] | None, n: int, several: bool) -> Iterator[str]:
    """Of PNG files: those of the files asked about, below their folder, or numbers."""
    stems = [f"{i:06}" for i in range(n)]
    if below is not None:
        found = Counter(os.path.splitext(name)[0] for name in below)
        # a.jpg and a.png keep their endings
        stems = [
            name if found[os.path.splitext(name)[0]] > 1 else os.path.splitext(name)[0]
            for name in below
        ]
        # and a.jpg.png beside them has all keep theirs
        stems = stems if len(set(stems)) == len(stems) else below
        if several:
            stems = [f"{stem}_{i + 1}" for stem in stems for i in range(n // len(stems))]
    return (f"{stem}.png" for stem in stems)


def has_place_in_png(pixels: NDArray[Any]) -> bool:
    """Bytes, and whole numbers of 16 bits in grey."""
    grey = pixels.ndim == 2 or pixels.shape[2] == 1
    return pixels.dtype in (bool, np.uint8) or (pixels.dtype == np.uint16 and grey)


def _write(image: NDArray[Any], path: Path) -> None:
    if not has_place_in_png(image):
        channels = 1 if image.ndim == 2 else image.shape[2]
        raise InputError(
            f"--out {path}: images of {image.dtype} with {channels} channels have no place in PNG; "
            "expected a name that ends in .npy"
        )
    pixels = 255 * image.astype(np.uint8) if image.dtype.kind == "b" else image
    pixels = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    with write_beside(path) as beside:
        Image.fromarray(pixels).save(beside, format="PNG")


@dataclass
class Photos:
    """What a model of photos is asked about on the command line."""

    names: list[str]
    """of files; of images in one array their numbers behind its name"""
    below: list[str] | None
    """where files are below the folder that was asked about"""
    array: list[Picture] | None
    damaged: str

    def pictures(self) -> Iterator[Picture]:
        """One after the other; files that cannot be decoded are left out, or stop."""
        return iter(self.array) if self.array is not None else read_pictures(
            self.names, self.damaged
        )  # fmt: skip


def photos_of(data: str, damaged: str) -> Photos:
    """A file, a folder, or images in a .npy file."""
    if Path(data).suffix.lower() == ".npy" and os.path.isfile(data):
        found, form = pictures_of(data)
        names = [data if form == "image" else f"{data}[{i}]" for i in range(len(found))]
        array = [replace(each, name=name) for each, name in zip(found, names, strict=True)]
        return Photos(names, None, array, damaged)
    names = picture_names(data)
    alone = os.path.isfile(data)
    top = os.path.dirname(data) or "." if alone else data
    return Photos(
        names, [os.path.relpath(name, top) for name in names], None, "stop" if alone else damaged
    )
