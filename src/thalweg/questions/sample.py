"""Draws from the density of an energy."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Energy, InputError


@torch.no_grad()
def sample(energy: Energy, n: int, generator: torch.Generator) -> Tensor:
    r"""n draws from :math:`p(y) \propto e^{-\beta F(y)}`: (n, d).

    Exact, by the energy's own way to draw.

    Raises
    ------
    InputError
        If n is below 1, or if the energy has no exact way to draw.
    """
    if n < 1:
        raise InputError(f"sample: n must be at least 1, got {n}")
    drawn = energy.draw(n, generator)
    if drawn is None:
        raise InputError(
            f"sample: {type(energy).__name__} has no exact way to draw; "
            "expected an energy with draw"
        )
    return drawn
