"""Entries taken away: the model knows which, and has to say what they were."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import InputError
from thalweg.pretext.base import Corrupted, Corruption
from thalweg.pretext.noise import checked_fraction
from thalweg.samplers.noise import uniform


class MaskedEntries(Corruption):
    """Each entry of a row hidden with a probability of its own, drawn for each row.

    At least one entry of a row is hidden where it has one to hide.

    Parameters
    ----------
    fraction : float or pair of float, default (0.1, 0.9)
        The probability, or the range that it is drawn from.

    Examples
    --------
    >>> import torch
    >>> spoiled = MaskedEntries(0.5)(torch.ones(4, 3), torch.Generator().manual_seed(0))
    >>> bool((spoiled.y.isnan() == spoiled.asked).all()), bool(spoiled.asked.any(dim=1).all())
    (True, True)
    """

    def __init__(self, fraction: float | tuple[float, float] = (0.1, 0.9)) -> None:
        pair = (fraction, fraction) if isinstance(fraction, (int, float)) else tuple(fraction)
        if len(pair) != 2 or pair[0] > pair[1]:
            raise InputError(
                f"MaskedEntries: fraction must be one share, or the ends of a range, got {fraction}"
            )
        low, high = pair
        self.low = checked_fraction(low, "MaskedEntries")
        self.high = checked_fraction(high, "MaskedEntries")

    def __call__(self, y: Tensor, generator: torch.Generator) -> Corrupted:
        known = ~y.isnan()
        flat = uniform(y, generator).flatten(1)
        share = self.low + (self.high - self.low) * uniform(flat[:, 0], generator)
        # of the visible ones the one of least u goes in any case
        reach = torch.where(known.flatten(1), flat, 2)
        least = torch.zeros_like(reach, dtype=torch.bool)
        least.scatter_(1, reach.argmin(dim=1, keepdim=True), True)
        taken = ((flat < share[:, None]) | least).reshape(y.shape) & known
        return Corrupted(torch.where(taken, torch.nan, y), taken)
