"""Random squares of images of any size, as rows."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from thalweg.core import InputError
from thalweg.data.source import Source


class Crops(Source):
    """n random squares out of some images, turned and mirrored; a row is a square laid out flat.

    Square i is the same whenever it is asked for. Images count by their area.

    Parameters
    ----------
    images : list of arrays (height, width, channels)
        Of as many channels; sizes may differ.
    side : int
        Of a square, in pixels.
    n : int
    seed : int, default 0
    """

    def __init__(self, images: list[NDArray[np.float32]], side: int, n: int, seed: int = 0) -> None:
        self.images, self.side, self.n, self.seed = images, side, n, seed
        small = [i for i, image in enumerate(images) if min(image.shape[:2]) < side]
        if small:
            height, width = images[small[0]].shape[:2]
            raise InputError(
                f"Crops: image {small[0]} is {height} x {width} pixels; expected sides of at least "
                f"{side}"
            )
        area = np.array([image.shape[0] * image.shape[1] for image in images], np.float64)
        self._until = np.cumsum(area) / area.sum()

    def __len__(self) -> int:
        return self.n

    @property
    def n_columns(self) -> int:
        return self.side**2 * self.images[0].shape[2]

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    def take(self, index: NDArray[np.integer]) -> NDArray[np.floating]:
        return np.stack([self._square(int(i)).reshape(-1) for i in index])

    def _square(self, i: int) -> NDArray[np.float32]:
        random = np.random.default_rng((self.seed, i))
        u = random.random(3)
        image = self.images[min(int(np.searchsorted(self._until, u[0])), len(self.images) - 1)]
        top, left = (
            int(share * (size - self.side + 1))
            for share, size in zip(u[1:], image.shape, strict=False)
        )
        square = image[top : top + self.side, left : left + self.side]
        square = np.rot90(square, int(random.integers(4)))
        return square[::-1] if random.random() < 0.5 else square

    def fingerprint(self) -> str:
        found = hashlib.sha256(f"{self.side} {self.n} {self.seed}".encode())
        for image in self.images:
            found.update(np.ascontiguousarray(image).data)
        return found.hexdigest()[:16]
