"""What may follow: the predictions of a conditional energy as its latent variable varies."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from thalweg.core import Energy, InputError


class Predictions(NamedTuple):
    """Several for each row, that of least energy first."""

    y: Tensor
    """(n, k, d)"""
    energy: Tensor
    """(n, k), F(x, y) of each"""


@torch.no_grad()
def predict(energy: Energy, x: Tensor, z: Tensor, most: int | None = None) -> Predictions:
    """What values of z decode to, given x, ordered by F(x, y).

    Parameters
    ----------
    energy : Energy
        Conditional, with codes.
    x : Tensor
        (n, ...), what is given.
    z : Tensor
        (m, k), the values to try.
    most : int, optional
        How many are kept for each row; all of them if not given.

    Raises
    ------
    InputError
        If the energy has no codes.
    """
    every = [energy.decode(each.expand(len(x), -1), x) for each in z]
    known = [y for y in every if y is not None]
    if len(known) < len(every):
        raise InputError(f"predict: {type(energy).__name__} has no codes to decode")
    y = torch.stack(known, dim=1)
    value = torch.stack([energy(each, x) for each in known], dim=1)
    order = value.argsort(dim=1, stable=True)[:, :most]
    chosen = torch.gather(y, 1, order[..., None].expand(-1, -1, y.shape[2]))
    return Predictions(chosen, torch.gather(value, 1, order))
