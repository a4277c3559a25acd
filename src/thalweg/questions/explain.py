"""What each part of a row has to do with its energy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from thalweg.core import (
    BEYOND_TOKEN,
    HIDDEN_TOKEN,
    Energy,
    EnergyFunction,
    InputError,
    Part,
    as_energy,
    as_rows,
    name_of,
    visible,
    visible_energy,
)


@torch.no_grad()
def explain(
    energy: EnergyFunction,
    y: Tensor,
    x: Tensor | None = None,
    parts: Sequence[Part] | None = None,
    view: Callable[[Tensor], Energy] | None = None,
) -> Tensor:
    r"""How much of a row's energy is there because of each of its parts.

    .. math::
        s_j(y) = F(y) - F(y_{\setminus j})

    where :math:`y_{\setminus j}` is the row with part j hidden: minimized, or summed, out, as the
    energy says. Where exp(-F) is a density, it is -log p of the part given the rest; where F is a
    squared distance, how much nearer the row is without it. Hiding a part lowers the energy by
    exactly what is said.

    Parameters
    ----------
    energy : Energy, or a function from (n, d) to (n,)
    y : Tensor
        (n, d), numbers or tokens. What is hidden already explains nothing: 0.
    x : Tensor, optional
        What is given.
    parts : sequence of slice or Tensor, optional
        The entries that are hidden together, such as a word or a square of pixels; each entry by
        itself by default.
    view : callable, optional
        From rows with NaN to the energy of what is visible of them; by default the energy's own.

    Returns
    -------
    Tensor
        (n, parts), in the units of the energy.

    Examples
    --------
    >>> from thalweg.energies import DiagonalGaussians
    >>> from thalweg.latents import Exhaustive, FreeEnergy
    >>> normal = DiagonalGaussians(torch.zeros(1, 2), torch.ones(1), torch.ones(1, 2))
    >>> energy = FreeEnergy(normal, Exhaustive(), 1.0)
    >>> explain(energy, torch.tensor([[0.0, 3.0]])).round(decimals=2)
    tensor([[0.9200, 5.4200]])
    """
    asked = as_energy(energy)
    if asked.space != "token":
        y = as_rows("explain: y", y, asked)

    if view is None and asked.restricted(visible(y)) is None:
        raise InputError(
            f"explain: {name_of(asked)} has no energy of some of its coordinates alone; expected "
            "one that has (restricted)"
        )

    def seen(part: Tensor) -> Energy:
        return visible_energy(asked, part) if view is None else view(part)

    whole: Tensor = seen(y)(y, x)
    every = _each_entry(y) if parts is None else parts
    result = whole.new_zeros(len(y), len(every))
    for j, at in enumerate(every):
        rows = visible(y[:, at]).any(dim=1).nonzero()[:, 0]
        given = None if x is None else x[rows]
        if len(rows):
            without = _without(y[rows], at)
            result[rows, j] = whole[rows] - seen(without)(without, given)
    return result


@torch.no_grad()
def usual(
    y: Tensor, fill: Callable[[Tensor], Tensor], parts: Sequence[Part] | None = None
) -> Tensor:
    """What is expected in each part of a row, given the rest.

    Parameters
    ----------
    y : Tensor
        (n, d), numbers or tokens.
    fill : callable
        From rows with hidden entries to whole ones.
    parts : sequence of slice or Tensor, optional
        As those of :func:`explain`.

    Returns
    -------
    Tensor
        (n, d)
    """
    result = y.clone()
    for at in _each_entry(y) if parts is None else parts:
        # what is beyond the end of a text has nothing in its place
        rows = (y[:, at] != BEYOND_TOKEN).any(dim=1).nonzero()[:, 0]
        if len(rows):
            result[rows[:, None], _places(at, y)] = fill(_without(y[rows], at))[:, at].to(y)
    return result


def _each_entry(y: Tensor) -> list[Part]:
    """Each entry by itself."""
    return [slice(j, j + 1) for j in range(y.shape[1])]


def _places(at: Part, y: Tensor) -> Tensor:
    return torch.arange(y.shape[1], device=y.device)[at]


def _without(y: Tensor, at: Part) -> Tensor:
    without = y.clone()
    without[:, at] = torch.nan if y.is_floating_point() else HIDDEN_TOKEN
    return without
