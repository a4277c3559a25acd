"""Other views of an image: what should not change what it is taken for."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from thalweg.core import InputError, visible
from thalweg.pretext.base import Corrupted, Corruption
from thalweg.samplers.noise import uniform


class Cropped(Corruption):
    """A random part of each image, brought back to its size, in half of them mirrored.

    Parameters
    ----------
    area : pair of float, default (0.4, 1.0)
        Range of the part's share of the image's area.
    mirror : bool, default True
    contrast : float, default 0.2
        The deviations from the image's mean are multiplied by up to so much more or less than 1.

    References
    ----------
    Chen, Kornblith, Norouzi, Hinton, "A simple framework for contrastive learning of visual
    representations" (2020), section 3.
    """

    def __init__(
        self, area: tuple[float, float] = (0.4, 1.0), mirror: bool = True, contrast: float = 0.2
    ) -> None:
        low, high = area
        if not 0 < low <= high <= 1:
            raise InputError(f"Cropped: area must be a range within 0 and 1, got {area}")
        if not 0 <= contrast < 1:
            raise InputError(f"Cropped: contrast must be at least 0 and below 1, got {contrast}")
        self.area, self.mirror, self.contrast = (low, high), mirror, contrast

    def __call__(self, y: Tensor, generator: torch.Generator) -> Corrupted:
        images = y[..., None] if y.dim() == 3 else y
        if images.dim() != 4 or not images.is_floating_point():
            raise InputError(
                f"Cropped: rows of shape {tuple(y.shape[1:])}, {y.dtype}; expected images in "
                "floating point, (height, width) or (height, width, channels)"
            )
        known = visible(images)
        u = uniform(torch.empty(5, len(y), device=y.device), generator)
        low, high = self.area
        side = (low + (high - low) * u[0]).sqrt()
        # up to a fifth wider than high, or the other way round
        ratio = ((2 * u[1] - 1) * math.log(1.2)).exp().sqrt()
        wide, tall = (side * ratio).clamp(max=1), (side / ratio).clamp(max=1)
        flip = torch.where(u[2] < 0.5, -1.0, 1.0) if self.mirror else torch.ones_like(wide)
        grid = torch.zeros(len(y), 2, 3, device=y.device)
        grid[:, 0, 0], grid[:, 1, 1] = flip * wide, tall
        grid[:, 0, 2] = (2 * u[3] - 1) * (1 - wide)
        grid[:, 1, 2] = (2 * u[4] - 1) * (1 - tall)
        planes = torch.where(known, images, 0).permute(0, 3, 1, 2)
        where = functional.affine_grid(grid.to(planes), list(planes.shape), align_corners=False)
        seen = functional.grid_sample(planes, where, padding_mode="border", align_corners=False)
        if self.contrast:
            gain = 1 + self.contrast * (2 * uniform(seen[:, :1, :1, :1], generator) - 1)
            mean = seen.mean(dim=(1, 2, 3), keepdim=True)
            seen = mean + gain * (seen - mean)
        if not bool(known.all()):
            # a pixel that any hidden one goes into is hidden
            part = functional.grid_sample(
                known.to(planes).permute(0, 3, 1, 2), where, padding_mode="border",
                align_corners=False,
            )  # fmt: skip
            seen = seen.masked_fill(part < 1 - 1e-4, torch.nan)
        return Corrupted(seen.permute(0, 2, 3, 1).reshape(y.shape), known.reshape(y.shape))
