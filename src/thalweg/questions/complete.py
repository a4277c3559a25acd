"""The missing part y2, given the part y1 that is there."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Energy, InputError, seen_through
from thalweg.questions.descent import descend


@torch.no_grad()
def complete(
    energy: Energy, y: Tensor, x: Tensor | None = None, starts: Tensor | None = None
) -> Tensor:
    r"""Fill every NaN so that the energy of the whole row is low.

    .. math::
        \check y_2 = \arg\min_{y_2} F(x, y_1, y_2)

    An energy that knows what is left of it when coordinates are hidden infers its codes from the
    visible ones and decodes them; from there, and from each of ``starts``, the energy is descended
    over the hidden coordinates, and the lowest end is taken.

    Parameters
    ----------
    energy : Energy
    y : Tensor
        (n, d), hidden coordinates NaN.
    x : Tensor, optional
        What is given.
    starts : Tensor, optional
        (s, d), rows whose values the hidden coordinates may start from. Needed where the energy
        has no codes.

    Returns
    -------
    Tensor
        A copy of y without NaN; visible entries are bit for bit what they were.

    Raises
    ------
    InputError
        If the energy has no codes and no starts were given.
    """
    hidden = y.isnan()
    rows = hidden.any(dim=1).nonzero()[:, 0]
    result = y.clone()
    if len(rows) == 0:
        return result
    part, gone = y[rows], hidden[rows]
    given = None if x is None else x[rows]
    fillings = [] if starts is None else [start.expand_as(part) for start in starts]
    view = energy.restricted(~gone)
    decoded = None if view is None else view.reconstruct(part, given)
    if decoded is not None:
        fillings.append(decoded)
    if not fillings:
        raise InputError(
            f"complete: {type(energy).__name__} has no codes to fill from; "
            "expected starts, rows whose values the hidden coordinates may start from"
        )
    best = part
    lowest = torch.full_like(part[:, 0], torch.inf)
    for filling in fillings:
        start = torch.where(gone, filling, part)
        end = descend(energy, start, given, free=gone)
        value = seen_through(energy, end)(end, given)
        best = torch.where((value < lowest)[:, None], end, best)
        lowest = torch.minimum(lowest, value)
    result[rows] = torch.where(gone, best, part)
    return result
