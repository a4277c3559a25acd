"""The mean of what is missing, given the part that is there."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import EnergyFunction, InputError, as_energy, name_of


@torch.no_grad()
def expect(energy: EnergyFunction, y: Tensor, x: Tensor | None = None) -> Tensor:
    r"""Fill every NaN with its mean under the density of the energy.

    .. math::
        \check y_2 = E[y_2 \mid x, y_1], \qquad p(y_2 | x, y_1) \propto e^{-\beta F(x, y_1, y_2)}

    Of all fillings it has the least squared error to be expected; where there is more than one
    valley it lies between them, and its energy may be high. :func:`complete` stays in a valley.

    Returns
    -------
    Tensor
        A copy of y without NaN; visible entries are bit for bit what they were.

    Raises
    ------
    InputError
        If the energy does not know the means of its hidden coordinates, or one is not finite.
    """
    energy = as_energy(energy)
    hidden = y.isnan()
    rows = hidden.any(dim=1).nonzero()[:, 0]
    result = y.clone()
    if len(rows) == 0:
        return result
    part, gone = y[rows], hidden[rows]
    view = energy.restricted(~gone)
    mean = None if view is None else view.expect(part, None if x is None else x[rows])
    if mean is None:
        raise InputError(
            f"complete: {name_of(energy)} does not know the mean of hidden entries; "
            "expected answer='lowest'"
        )
    lost = (gone & ~mean.isfinite()).any(dim=1)
    if bool(lost.any()):
        raise InputError(
            f"complete: row {int(rows[lost][0])} has a hidden entry whose mean is not finite; "
            "expected visible entries whose energy is finite"
        )
    result[rows] = torch.where(gone, mean, part)
    return result
