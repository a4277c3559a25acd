"""Noise on the entries of a row: the model sees all of them, some of them wrong."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import InputError
from thalweg.pretext.base import Corrupted, Corruption
from thalweg.samplers.noise import normal, uniform


class AddedNoise(Corruption):
    """Gaussian noise.

    Parameters
    ----------
    sigma : float or sequence of float
        Standard deviation; of several, each row has one at random.

    Examples
    --------
    >>> import torch
    >>> spoiled = AddedNoise(0.1)(torch.zeros(4, 2), torch.Generator().manual_seed(0))
    >>> bool(spoiled.asked.all()), bool((spoiled.y.abs() < 1).all())
    (True, True)
    """

    def __init__(self, sigma: float | tuple[float, ...]) -> None:
        levels = torch.as_tensor(sigma, dtype=torch.float64).reshape(-1)
        if not len(levels) or not bool((levels > 0).all() & levels.isfinite().all()):
            raise InputError(f"AddedNoise: sigma must be above 0, or several such, got {sigma!r}")
        self.levels = levels

    def __call__(self, y: Tensor, generator: torch.Generator) -> Corrupted:
        levels = self.levels.to(y)
        chosen = torch.zeros(len(y), dtype=torch.long, device=y.device)
        if len(levels) > 1:
            chosen = (uniform(y.flatten(1)[:, 0], generator) * len(levels)).long()
        sigma = levels[chosen].reshape(-1, *[1] * (y.dim() - 1))
        return _seen(y, y + sigma * normal(y, generator))


class MaskingNoise(Corruption):
    """Some entries set to 0, without telling which.

    Parameters
    ----------
    fraction : float
        How many, from 0 to 1.
    """

    def __init__(self, fraction: float) -> None:
        self.fraction = checked_fraction(fraction, "MaskingNoise")

    def __call__(self, y: Tensor, generator: torch.Generator) -> Corrupted:
        return _seen(y, torch.where(uniform(y, generator) < self.fraction, 0, y))


class SaltAndPepper(Corruption):
    """Some entries set to one of two extremes.

    Parameters
    ----------
    fraction : float
        How many, from 0 to 1.
    low, high : float, default -2 and 2
        The extremes, in the units of the rows (standardized columns: two standard deviations).
    """

    def __init__(self, fraction: float, low: float = -2.0, high: float = 2.0) -> None:
        self.fraction = checked_fraction(fraction, "SaltAndPepper")
        self.low, self.high = low, high

    def __call__(self, y: Tensor, generator: torch.Generator) -> Corrupted:
        u = uniform(y, generator)
        extreme = torch.where(u < 0.5 * self.fraction, self.low, self.high).to(y)
        return _seen(y, torch.where(u < self.fraction, extreme, y))


def checked_fraction(fraction: float, owner: str) -> float:
    """A share above 0 and below 1."""
    if not 0 < fraction < 1:
        raise InputError(f"{owner}: fraction must be above 0 and below 1, got {fraction}")
    return fraction


def _seen(y: Tensor, spoiled: Tensor) -> Corrupted:
    """Every visible entry is asked for; hidden ones are shown as 0."""
    known = ~y.isnan()
    return Corrupted(torch.where(known, spoiled, 0), known)
