"""The missing part y2, given the part y1 that is there."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import (
    Energy,
    EnergyFunction,
    InputError,
    as_energy,
    as_rows,
    name_of,
    visible_energy,
)
from thalweg.energies import Rescaled
from thalweg.questions.descent import (
    begins_in_single,
    descend_apart,
    descend_roughly,
    in_single,
    single,
)
from thalweg.questions.words import descend_whole

DESCENTS = 4
"""Fillings of each row that are brought down the energy."""

ROUNDS, POLISHING = 10, 10
"""Of random steps at the end, and steps of a round."""

FEW = 8
"""Hidden coordinates of a row up to which random steps are of use."""


@torch.no_grad()
def complete(
    energy: EnergyFunction, y: Tensor, x: Tensor | None = None, starts: Tensor | None = None
) -> Tensor:
    r"""Fill every NaN so that the energy of the whole row is low.

    .. math::
        \check y_2 = \arg\min_{y_2} F(x, y_1, y_2)

    An energy that knows what is left of it when coordinates are hidden infers its codes from the
    visible ones and decodes them. Where hidden coordinates are minimized out, that filling has the
    energy of the visible ones, below which there is none. Else, of that filling and those with the
    values of ``starts``, the four of lowest energy are brought down the energy over the hidden
    coordinates, and the lowest end is taken.

    Parameters
    ----------
    energy : Energy, or a function from (n, d) to (n,)
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
    energy = as_energy(energy)
    asked = as_rows("complete: y", y, energy)
    # what is visible stays in the precision that it came in
    result = torch.as_tensor(y).clone()
    hidden = asked.isnan()
    rows = hidden.any(dim=1).nonzero()[:, 0]
    if len(rows) == 0:
        return result
    part, gone, given = asked[rows], hidden[rows], _rows(x, rows)
    fillings = [] if starts is None else [start.expand_as(part) for start in starts]
    view = energy.restricted(~gone)
    decoded = None if view is None else view.fillings(part, given)
    if decoded is not None:
        fillings.extend(decoded)
    if not fillings:
        raise InputError(
            f"complete: {name_of(energy)} has no codes to fill from; "
            "expected starts, rows whose values the hidden coordinates may start from"
        )
    tried = torch.stack([torch.where(gone, filling, part) for filling in fillings])
    if view is not None and decoded is not None and energy.minimizes_hidden:
        filled = tried[-1]
    else:
        filled = _by_descent(energy, tried, gone, given)
    result[rows] = torch.where(gone, filled.to(result), result[rows])
    return result


def _rows(x: Tensor | None, index: Tensor) -> Tensor | None:
    return None if x is None else x[index]


def _by_descent(energy: Energy, tried: Tensor, gone: Tensor, x: Tensor | None) -> Tensor:
    """The lowest end of descents from the best of the fillings ``tried`` (s, n, d)."""
    if isinstance(energy, Rescaled):
        # in the units that it was learned in, where all coordinates count alike
        inside = _by_descent(energy.energy, energy.into(tried), gone, energy.given(x))
        return energy.out(inside)
    words = energy.indicators
    if words is not None:
        tried = torch.where(gone, words.settled(tried), tried)
    if energy.space != "real":
        bits = energy.which_bits()
        rounded = gone if bits is None else gone & bits
        tried = torch.where(rounded, (tried > 0.5).to(tried), tried)
    values = _values(energy, tried, x)
    every = torch.arange(tried.shape[1], device=tried.device)
    best, lowest = tried[0], torch.full_like(values[0], torch.inf)
    plain = energy.space == "real" and words is None
    for choice in values.argsort(dim=0)[:DESCENTS]:
        end = tried[choice, every]
        # a filling without a finite energy leads nowhere
        finite = values[choice, every].isfinite().nonzero()[:, 0]
        given, may = _rows(x, finite), gone[finite]
        if len(finite) and plain:
            end[finite] = descend_roughly(energy, end[finite], given, may).y
        elif len(finite):
            end[finite] = descend_whole(energy, end[finite], given, may)
        value = _known(visible_energy(energy, end)(end, x))
        best = torch.where((value < lowest)[:, None], end, best)
        lowest = torch.minimum(lowest, value)
    finite = lowest.isfinite().nonzero()[:, 0]
    if plain and len(finite) and begins_in_single(energy, best):
        # the others are there already
        best[finite] = descend_apart(energy, best[finite], _rows(x, finite), gone[finite])
        lowest = _known(visible_energy(energy, best)(best, x))
    if energy.space == "binary":
        return best
    if energy.space == "mixed":
        gone = gone & ~rounded
    if words is not None:
        gone = gone & ~words.mask
    count = gone.sum(dim=1)
    few = ((count > 0) & (count <= FEW)).nonzero()[:, 0]
    if len(few):
        best[few] = _polish(energy, best[few], lowest[few], _rows(x, few), gone[few])
    return best


def _values(energy: Energy, tried: Tensor, x: Tensor | None) -> Tensor:
    """F of all fillings (s, n, d), to choose by: (s, n)."""
    if not begins_in_single(energy, tried):
        return _values_of(energy, tried, x)
    quick, able = in_single(visible_energy(energy, tried[0]), tried[0], x)
    values = [_known(visible_energy(quick, at)(at, single(x))) for at in tried.float()]
    result, rest = torch.stack(values).double(), (~able).nonzero()[:, 0]
    if len(rest):
        result[:, rest] = _values_of(energy, tried[:, rest], _rows(x, rest))
    return result


def _values_of(energy: Energy, tried: Tensor, x: Tensor | None) -> Tensor:
    return torch.stack([_known(visible_energy(energy, at)(at, x)) for at in tried])


def _polish(energy: Energy, y: Tensor, value: Tensor, x: Tensor | None, free: Tensor) -> Tensor:
    """Random steps, from wide to narrow and again, kept where they lower the energy.

    A gradient leads no further at a kink or beside a jump, which codes that are sparse or discrete
    have. The steps are the same for every row and every call; a row that none of a round has
    lowered is done.
    """
    generator = torch.Generator().manual_seed(0)
    y, rows = y.clone(), torch.arange(len(y), device=y.device)
    for _ in range(ROUNDS):
        at, may, least, given = y[rows], free[rows], value[rows], _rows(x, rows)
        before, spread = least, 1 + at.abs()
        for i in range(POLISHING):
            e = torch.randn(y.shape[1], generator=generator, dtype=torch.float64).to(y)
            step = 10.0 ** (-4 * i / POLISHING) * e * spread
            tried = torch.where(may, at + step, at)
            after = _known(visible_energy(energy, tried)(tried, given))
            better = after < least
            at = torch.where(better[:, None], tried, at)
            least = torch.where(better, after, least)
        y[rows] = at
        rows = rows[least < before]
        if len(rows) == 0:
            break
        value = value.clone()
        value[rows] = least[least < before]
    return y


def _known(value: Tensor) -> Tensor:
    """Energies, infinite where they are not a number."""
    return value.nan_to_num(nan=torch.inf, posinf=torch.inf, neginf=-torch.inf)
