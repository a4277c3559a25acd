"""What is hidden: the future, random cells, or a block."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from thalweg.core import InputError, visible, whole_number
from thalweg.pretext.base import Hiding
from thalweg.pretext.noise import checked_fraction
from thalweg.samplers.noise import uniform


class Masked(Hiding):
    """A share of the cells of each row, chosen at random.

    Exactly that share of the cells that have something visible, rounded, but at least one is hidden
    and, where there are two, at least one is left.

    Parameters
    ----------
    fraction : float or pair of float, default (0.1, 0.9)
        The share, or the range that it is drawn from, row by row.
    size : int or sequence of int or None, default 1
        A cell: 1 is every entry by itself (an entry of a table, a token). Of several numbers each
        belongs to a dimension of the row, and dimensions that are not named go whole, as does one
        whose number is None: ``(4, 4)`` are patches of an image with all their channels, ``(1,)``
        the frames of a clip, ``(None, None, 1)`` the channels of an image.

    Examples
    --------
    >>> import torch
    >>> hide = Masked(0.5, size=(2, 2))
    >>> spoiled = hide(torch.ones(1, 4, 4), torch.Generator().manual_seed(0))
    >>> int(spoiled.asked.sum()), bool((spoiled.y.isnan() == spoiled.asked).all())
    (8, True)
    """

    def __init__(
        self,
        fraction: float | tuple[float, float] = (0.1, 0.9),
        size: int | Sequence[int | None] = 1,
    ) -> None:
        self.low, self.high = _range(fraction, "Masked: fraction")
        sizes = (size,) if isinstance(size, (int, float, np.integer)) else tuple(size)
        if not sizes or any(
            each is not None and (not isinstance(each, (int, np.integer)) or each < 1)
            for each in sizes
        ):
            raise InputError(
                f"Masked: size must be a whole number of at least 1, or one for each dimension of "
                f"a row (None: the whole of it), got {size!r}"
            )
        whole = tuple(None if each is None else int(each) for each in sizes)
        self.size: int | tuple[int | None, ...] = (
            int(size) if isinstance(size, (int, np.integer)) else whole
        )

    def hidden(self, y: Tensor, generator: torch.Generator) -> Tensor:
        shape = tuple(y.shape[1:])
        cell = self._cell(shape)
        grid = tuple(-(-extent // each) for extent, each in zip(shape, cell, strict=True))
        # of tokens a batch may have nothing but texts of one, which are then left as they are
        if math.prod(grid) < 2 and y.is_floating_point():
            raise InputError(
                f"Masked: cells of {cell} hide all of a row of shape {shape}; expected at least "
                "two cells in a row"
            )
        known = _any_in_cells(visible(y), cell, grid).flatten(1)
        floating = torch.empty(known.shape, device=y.device)
        drawn = uniform(floating, generator).masked_fill(~known, 2)
        share = self.low + (self.high - self.low) * uniform(floating[:, 0], generator)
        count = known.sum(dim=1)
        wanted = (share * count).round().long().clamp(min=1)
        wanted = torch.minimum(wanted, (count - 1).clamp(min=1))
        # those of least u
        limit = drawn.sort(dim=1).values.gather(1, wanted[:, None] - 1)
        taken = ((drawn <= limit) & known).reshape(-1, *grid)
        for axis, (extent, each) in enumerate(zip(shape, cell, strict=True), start=1):
            if each > 1:
                taken = taken.repeat_interleave(each, dim=axis).narrow(axis, 0, extent)
        return taken

    def _cell(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if isinstance(self.size, int):
            return (self.size,) * len(shape)
        if len(self.size) > len(shape):
            raise InputError(
                f"Masked: size {self.size} has {len(self.size)} dimensions, a row of shape {shape} "
                f"{len(shape)}; expected at most as many"
            )
        named = self.size + (None,) * (len(shape) - len(self.size))
        return tuple(
            extent if each is None else min(each, extent)
            for each, extent in zip(named, shape, strict=True)
        )


class Occluded(Hiding):
    """A block at a random place of each row: any part, from all the others.

    Parameters
    ----------
    share : float or pair of float, default (0.25, 0.6)
        Of each side of the row that the block takes, or the range that it is drawn from.
    axes : sequence of int, default (0, 1)
        The dimensions of a row along which the block has ends; along the others it goes through.
        ``(0, 1)`` is a rectangle of an image, in a clip ``(0,)`` is a run of frames and ``(1, 2)``
        a rectangle in all of them; of a table or a sequence of tokens ``(0,)`` is a run.

    Examples
    --------
    >>> import torch
    >>> spoiled = Occluded(0.5)(torch.ones(1, 8, 8), torch.Generator().manual_seed(0))
    >>> int(spoiled.asked.sum())
    16
    """

    def __init__(
        self, share: float | tuple[float, float] = (0.25, 0.6), axes: Sequence[int] = (0, 1)
    ) -> None:
        self.low, self.high = _range(share, "Occluded: share")
        self.axes = tuple(axes) if isinstance(axes, Sequence) else ()
        if not self.axes or len(set(self.axes)) < len(self.axes) or min(self.axes) < 0:
            raise InputError(
                f"Occluded: axes must be one or more different dimensions of a row, counted from "
                f"0, got {axes!r}"
            )

    def hidden(self, y: Tensor, generator: torch.Generator) -> Tensor:
        shape = tuple(y.shape[1:])
        if max(self.axes) >= len(shape) or any(shape[axis] < 2 for axis in self.axes):
            raise InputError(
                f"Occluded: axes {self.axes} of a row of shape {shape}; expected dimensions that "
                "it has, of at least 2 entries"
            )
        taken = torch.ones((), dtype=torch.bool, device=y.device)
        for axis in self.axes:
            extent = shape[axis]
            u = uniform(torch.empty(2, len(y), device=y.device), generator)
            side = ((self.low + (self.high - self.low) * u[0]) * extent).round()
            side = side.clamp(1, extent - 1)
            start = (u[1] * (extent - side + 1)).floor()
            at = torch.arange(extent, device=y.device)
            inside = (at >= start[:, None]) & (at < (start + side)[:, None])
            taken = taken & inside.reshape(
                -1, *(n if i == axis else 1 for i, n in enumerate(shape))
            )
        return taken.expand(y.shape)


class Future(Hiding):
    """The last steps, from the first.

    Parameters
    ----------
    steps : int, default 1
        How many are hidden.
    axis : int, default 0
        The dimension of a row that is time.

    Examples
    --------
    >>> import torch
    >>> Future(2)(torch.arange(4.0)[None], torch.Generator()).y
    tensor([[0., 1., nan, nan]])
    """

    def __init__(self, steps: int = 1, axis: int = 0) -> None:
        self.steps = whole_number("Future: steps", steps)
        self.axis = whole_number("Future: axis", axis, 0)

    def hidden(self, y: Tensor, generator: torch.Generator) -> Tensor:
        shape = tuple(y.shape[1:])
        if self.axis >= len(shape) or shape[self.axis] <= self.steps:
            raise InputError(
                f"Future: {self.steps} steps along dimension {self.axis} of a row of shape {shape} "
                "leave nothing to see; expected fewer steps than it has"
            )
        extent = shape[self.axis]
        late = torch.arange(extent, device=y.device) >= extent - self.steps
        late = late.reshape(*(n if i == self.axis else 1 for i, n in enumerate(shape)))
        return late.expand(y.shape)


def _any_in_cells(known: Tensor, cell: tuple[int, ...], grid: tuple[int, ...]) -> Tensor:
    """Whether each cell has something visible: (n, *grid)."""
    if max(cell) == 1:
        return known
    padding: list[int] = []
    for extent, each, count in zip(known.shape[:0:-1], cell[::-1], grid[::-1], strict=True):
        padding += [0, each * count - extent]
    whole = torch.nn.functional.pad(known, padding)
    split = [number for pair in zip(grid, cell, strict=True) for number in pair]
    within = tuple(range(2, 2 * len(cell) + 1, 2))
    return whole.reshape(len(known), *split).any(dim=within)


def _range(fraction: float | tuple[float, float], owner: str) -> tuple[float, float]:
    if isinstance(fraction, (int, float, np.number)):
        fraction = (float(fraction), float(fraction))
    pair = tuple(fraction)
    if len(pair) != 2 or pair[0] > pair[1]:
        raise InputError(f"{owner} must be one share, or the ends of a range, got {fraction}")
    for each in pair:
        checked_fraction(each, owner)
    return pair
