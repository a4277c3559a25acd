"""Images in a folder, decoded when they are asked for."""

from __future__ import annotations

import collections
import hashlib
import os
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from thalweg.core import InputError
from thalweg.data.image_decoding import Decoded, decode, shape_of
from thalweg.data.image_fitting import brought_to
from thalweg.data.images import Images, described
from thalweg.data.source import Summary

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")

DAMAGE = (
    Image.DecompressionBombError, OSError, SyntaxError, ValueError, TypeError, LookupError,
    ArithmeticError, EOFError, struct.error, zlib.error,
)  # fmt: skip
"""What Pillow raises at files that are damaged: whatever its decoders stumble over"""

SHOWN = 5
"""How many files that cannot be read a warning names."""

SOME = 101
"""How many files' heads are looked at for the size that most have."""


class ImageFiles(Images):
    """The image files of a folder and of the folders in it, by name.

    A file is decoded each time that its row is asked for, so a folder may be larger than memory.
    Photos are turned upright as their EXIF tag says; transparency is a fourth channel. Values are
    those of the file, 0 to 255 or 0 to 65535 by its depth; where depths differ, all are brought to
    the scale of the first file. Where sizes or channels differ, all are brought to those that most
    of them have (of 101 spread over the folder where there are more): scaled until they cover the
    size and cut on both sides, grey made of colours or colours of grey, transparent ones put on
    white. Of an animation or of pages the first picture is read.

    Parameters
    ----------
    folder : path
        Or one image file.
    damaged : {"skip", "stop"}, default "skip"
        What becomes of a file that cannot be decoded, or of another size than the others: it is
        left out, or brought to their size, and a warning at the end of the first pass over the
        folder counts and names such files; or an error names it.
    shape : tuple of int, optional
        (height, width, channels) that all are brought to, instead of what most have.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        damaged: str = "skip",
        shape: tuple[int, int, int] | None = None,
    ) -> None:
        if damaged not in ("skip", "stop"):
            raise InputError(f"ImageFiles: damaged must be 'skip' or 'stop', got {damaged!r}")
        self.folder, self.damaged = Path(folder), damaged
        self._damaged: dict[str, str] = {}
        self._several: set[str] = set()
        self._other: dict[str, str] = {}
        # text, not Path: of a hundred thousand files that is a third of the memory
        self.names = [str(self.folder)] if self.folder.is_file() else list(names_below(self.folder))
        if not self.names:
            raise InputError(
                f"{folder}: no image files; expected a folder with some ({', '.join(ENDINGS)})"
            )
        self._pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
        first = self._first()
        self.pixels, self.white = first.pixels.dtype, first.white
        self.shape = shape if shape is not None else self._usual((*first.pixels.shape, 1)[:3])
        self.grey = self.shape[2] == 1

    def _first(self) -> Decoded:
        for name in self.names:
            found = self._decode(name)
            if found is not None:
                self.example = name
                return found
        raise InputError(
            f"{self.folder}: none of its {len(self.names)} image files can be decoded; the first, "
            f"{self.names[0]}: {self._damaged[self.names[0]]}"
        )

    def _usual(self, first: tuple[int, int, int]) -> tuple[int, int, int]:
        """The shape that most files have, of equally many that of the first."""
        step = max(1, len(self.names) // SOME)
        found = [each for each in self._pool.map(_shape_of, self.names[::step]) if each is not None]
        counted = collections.Counter([first, *found])
        # the first was counted twice: it decides where others are as many
        counted[first] -= 1
        most = max(counted.values())
        return first if counted[first] == most else counted.most_common(1)[0][0]

    def __len__(self) -> int:
        return len(self.names)

    def take(self, index: NDArray[np.integer]) -> NDArray[np.floating]:
        rows = self._rows([self.names[i] for i in index])
        if len(rows) < len(index):
            name, why = next(iter(self._damaged.items()))
            raise InputError(
                f"{name} cannot be decoded ({why}), though it could be when the folder was first "
                "read; expected files that stay as they are"
            )
        return rows

    def chunks(self) -> Iterator[tuple[int, NDArray[np.floating]]]:
        size, start = self.chunk_rows, 0
        for first in range(0, len(self.names), size):
            chunk = self._rows(self.names[first : first + size])
            if len(chunk):
                yield start, chunk
            start += len(chunk)

    def summary(self, name: str = "images", columns: list[str] | None = None) -> Summary:
        """As of any source; files that cannot be decoded are left out from here on."""
        found = super().summary(str(self.folder), columns)
        if self._damaged:
            before = len(self.names)
            self.names = [each for each in self.names if each not in self._damaged]
            shown = some_of([f"{each}: {why}" for each, why in self._damaged.items()])
            warnings.warn(
                f"{self.folder}: {before - len(self.names)} of {before} image files could not be "
                f"decoded and were left out ({shown})",
                UserWarning,
                stacklevel=2,
            )
            self._damaged = {}
        if self._several:
            warnings.warn(
                f"{self.folder}: {len(self._several)} image files have several pictures, frames or "
                f"pages; the first of each is read ({some_of(sorted(self._several))})",
                UserWarning,
                stacklevel=2,
            )
        if self._other:
            shown = some_of([f"{each}: {what}" for each, what in sorted(self._other.items())])
            warnings.warn(
                f"{self.folder}: {len(self._other)} of {len(self.names)} image files have another "
                f"size or other channels and are brought to {self.described()} (scaled until they "
                f"cover it and cut on both sides): {shown}",
                UserWarning,
                stacklevel=2,
            )
        return found

    def fingerprint(self) -> str:
        found = hashlib.sha256()
        for name in self.names:
            told = os.stat(name)
            found.update(f"{name} {told.st_size} {told.st_mtime_ns}\n".encode())
        return found.hexdigest()[:16]

    def originals(self) -> NDArray[Any]:
        images = [each for each in self._pool.map(self._pixels, self.names) if each is not None]
        if self.pixels.kind in "iu":
            images = [np.rint(each) if each.dtype.kind == "f" else each for each in images]
        return np.stack(images).astype(self.pixels)

    def _rows(self, names: Iterable[str]) -> NDArray[np.floating]:
        decoded = self._pool.map(self._row_of, names)
        rows = [row for row in decoded if row is not None]
        return np.stack(rows) if rows else np.empty((0, self.n_columns), np.float32)

    def _row_of(self, name: str) -> NDArray[np.floating] | None:
        pixels = self._pixels(name)
        return None if pixels is None else pixels.astype(np.float32).reshape(-1)

    def _pixels(self, name: str) -> NDArray[Any] | None:
        """The pixels of a file, on the scale of the first one."""
        found = self._decode(name)
        if found is None:
            return None
        height, width, channels = (*found.pixels.shape, 1)[:3]
        pixels: NDArray[Any] = found.pixels
        if (height, width, channels) != self.shape:
            if self.damaged == "stop":
                raise InputError(
                    f"{name} is {described((height, width, channels))}; expected "
                    f"{self.described()}, as most are"
                )
            self._other[name] = described((height, width, channels))
            pixels = brought_to(pixels, self.shape, found.white)
            pixels = pixels[..., 0] if self.grey else pixels
        if (found.pixels.dtype, found.white) == (self.pixels, self.white):
            return pixels
        if found.white is None or self.white is None:
            raise InputError(
                f"{name} has pixels of {found.pixels.dtype}; expected {self.pixels}, as "
                f"{self.example} has (only whole numbers without a sign, of up to 16 bits, have a "
                "scale in common)"
            )
        return np.asarray(pixels.astype(np.float64) * self.white / found.white)

    def _decode(self, name: str) -> Decoded | None:
        try:
            found = decode(name)
        except DAMAGE as error:
            # Pillow's own words begin with the opened file, or with none
            why = str(error).replace(f"<_io.BufferedReader name={name!r}>", "the file")
            if self.damaged == "stop":
                raise InputError(
                    f"{name} cannot be decoded ({why}); expected an image file"
                ) from error
            self._damaged[name] = why
            return None
        if found.several:
            self._several.add(name)
        return found


def some_of(texts: list[str]) -> str:
    """The first few, and how many more there are."""
    more = len(texts) - SHOWN
    return "; ".join([*texts[:SHOWN], *([f"and {more} more"] if more > 0 else [])])


def _shape_of(name: str) -> tuple[int, int, int] | None:
    try:
        return shape_of(name)
    except DAMAGE:
        # it is decoded, and named, when its row is asked for
        return None


def names_below(folder: Path) -> Iterator[str]:
    """Image files of a folder and of the folders in it, in order."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such file or folder; expected a folder of images")
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (
            os.path.join(place, name) for name in sorted(names) if name.lower().endswith(ENDINGS)
        )
