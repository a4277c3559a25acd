"""Images and masks in files, as people have them, and answers in such."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image

from thalweg.core import InputError
from thalweg.core.files import write_beside
from thalweg.data import ImageFiles
from thalweg.data.image_decoding import decode
from thalweg.data.image_files import DAMAGE, ENDINGS
from thalweg.data.npy import read_npy


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
    # opacity is no colour
    colours = pixels if pixels.ndim == 2 else pixels[..., :3].max(axis=2)
    return np.asarray(colours > 0)


def give_images(
    made: Callable[[], NDArray[Any]], out: str | None, asked: Any = None, several: bool = False
) -> None:
    """Write images once they are made; a bad name is said before.

    To a ``.npy`` file; to a ``.png`` file where there is one; or to a folder of PNG files, named as
    the files that were asked about, of ``several`` answers with a number behind.
    """
    ending = "" if out is None else Path(out).suffix.lower()
    if out is None or ending not in (".npy", ".png", ""):
        given = "no --out was given" if out is None else f"--out {out}"
        raise InputError(
            f"{given}; images go to a file or a folder: expected a name that ends in .npy or .png, "
            "or of a folder"
        )
    if ending == ".npy":
        images = made()
        with write_beside(out) as beside, beside.open("wb") as file:
            np.save(file, images)
        return
    images = made()
    if several:
        images = np.concatenate([images[:, i] for i in range(images.shape[1])])
    if ending == ".png":
        if len(images) != 1:
            raise InputError(
                f"--out {out}: there are {len(images)} images; expected the name of a folder"
            )
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
    made: Callable[[str], NDArray[Any]], data: str, names: list[str], out: str | None
) -> None:
    """Write what is made of each file, one after the other: to a .png file, or to a folder."""
    ending = "" if out is None else Path(out).suffix.lower()
    if out is None or ending not in (".png", ""):
        given = "no --out was given" if out is None else f"--out {out}"
        raise InputError(
            f"{given}; photos go to a file or a folder: expected a name that ends in .png, or of a "
            "folder"
        )
    if ending == ".png":
        if len(names) != 1:
            raise InputError(
                f"--out {out}: there are {len(names)} images; expected the name of a folder"
            )
        _write(made(names[0]), Path(out))
        return
    top = data if os.path.isdir(data) else os.path.dirname(data)
    below = [os.path.relpath(name, top or ".") for name in names]
    for name, target in zip(names, _targets(out, below, len(names), False), strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(made(name), target)


def by_photo(fitted: Any, names: list[str]) -> pl.DataFrame:
    """The energy of each file, and the noise in it, a file at a time."""
    rows = [
        (name, float(fitted.energy(name)[0]), float(fitted.noise_level(name)[0])) for name in names
    ]
    schema = {"file": pl.String, "energy": pl.Float64, "noise": pl.Float64}
    return pl.DataFrame(rows, schema, orient="row")


def _targets(out: str, below: list[str] | None, n: int, several: bool) -> list[Path]:
    """Where images go, none of which may be there."""
    targets = [Path(out, name) for name in _names(below, n, several)]
    there = [target for target in targets if target.exists()]
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
        if several:
            stems = [f"{stem}_{i + 1}" for stem in stems for i in range(n // len(stems))]
    return (f"{stem}.png" for stem in stems)


def _write(image: NDArray[Any], path: Path) -> None:
    pixels = 255 * image.astype(np.uint8) if image.dtype == bool else image
    deep = pixels.dtype == np.uint16
    if pixels.dtype != np.uint8 and not (deep and pixels.ndim == 2):
        raise InputError(
            f"--out {path}: images of {pixels.dtype} with "
            f"{1 if pixels.ndim == 2 else pixels.shape[2]} channels have no place in PNG; expected "
            "a name that ends in .npy"
        )
    pixels = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    with write_beside(path) as beside:
        Image.fromarray(pixels).save(beside, format="PNG")
