"""Scales of noise: one, or several of which each row has one."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import InputError
from thalweg.samplers.noise import normal


def checked_sigmas(sigma: float | tuple[float, ...], owner: str) -> Tensor:
    """Noise levels (m,), all above 0."""
    levels = torch.as_tensor(sigma, dtype=torch.float32).reshape(-1)
    if not len(levels) or not bool((levels > 0).all() & levels.isfinite().all()):
        raise InputError(f"{owner}: sigma must be a number above 0, or several, got {sigma!r}")
    return levels


def one_of(sigmas: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    """A noise level for each row, shaped to broadcast against y."""
    shape = (-1, *[1] * (y.dim() - 1))
    if len(sigmas) == 1:
        return sigmas.to(y).reshape(shape)
    chosen = torch.randint(len(sigmas), (len(y),), generator=generator, device=generator.device)
    return sigmas[chosen.to(sigmas.device)].to(y).reshape(shape)


def checked_noise(noise: float, owner: str) -> float:
    """The deviation of noise on the rows, 0 or above."""
    if not noise >= 0:
        raise InputError(f"{owner}: noise must be at least 0, got {noise}")
    return noise


def with_noise(y: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    """Rows with Gaussian noise on them; themselves where it is 0."""
    return y + noise * normal(y, generator) if noise else y
