"""Scales of noise: one, or several of which each row has one."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import InputError


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
