"""Energies of what is left when a part is given."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from thalweg.core.batches import tensor_of
from thalweg.core.energy import Energy
from thalweg.core.errors import InputError
from thalweg.core.function import precision_of


def check_rows(name: str, y: object) -> None:
    """Questions about energies take tensors of floating point numbers.

    Raises
    ------
    InputError
        If y is another thing.
    """
    if not isinstance(y, Tensor):
        raise InputError(f"{name} must be a tensor, got {type(y).__name__}")
    if not y.is_floating_point():
        raise InputError(f"{name} must have floating point numbers, got {y.dtype}")


def as_rows(name: str, y: Any, energy: Energy) -> Tensor:
    """Rows as an energy takes them: an array as a tensor, in the energy's precision if it has one.

    Raises
    ------
    InputError
        If y is another thing, or not of floating point numbers.
    """
    y = tensor_of(y)
    check_rows(name, y)
    kind = precision_of(energy)
    rows: Tensor = y if kind is None else y.to(kind)
    return rows


def check_columns(owner: str, y: Tensor, d: int) -> None:
    """Rows are as wide as what they are held against: no single column is taken for all.

    Raises
    ------
    InputError
        If the last dimension of y is not d.
    """
    if y.shape[-1] != d:
        raise InputError(f"{owner}: y has {y.shape[-1]} columns; expected {d}")


class Given(Energy):
    """F(x, y) as an energy of y alone: x is the same for all rows, or each has one of its own.

    Parameters
    ----------
    energy : Energy
    x : Tensor
        (1, ...), what is given to all of y; or (n, ...), for as many rows.
    """

    x: Tensor

    def __init__(self, energy: Energy, x: Tensor) -> None:
        super().__init__()
        self.energy = energy
        self.register_buffer("x", x, persistent=False)
        self.beta, self.space = energy.beta, energy.space

    def _expanded(self, y: Tensor) -> Tensor:
        if len(self.x) not in (1, y.shape[0]):
            raise InputError(
                f"Given: x has {len(self.x)} rows, and y {len(y)}; expected as many, or 1, what "
                "all of y share"
            )
        return self.x.expand(y.shape[0], *self.x.shape[1:])

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return self.energy(y, self._expanded(y))

    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.energy.value_and_gradient(y, self._expanded(y))

    def gradient(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return self.energy.gradient(y, self._expanded(y))


class Clamped(Energy):
    """The energy of the hidden coordinates of one row, the visible ones held where they are.

    Its argument is (n, k), the k hidden coordinates alone; :meth:`filled` puts them where they
    belong.

    Parameters
    ----------
    energy : Energy
        Over ``(n, *shape)``.
    y : Tensor
        ``(*shape)``, one row, NaN where hidden.
    """

    def __init__(self, energy: Energy, y: Tensor) -> None:
        super().__init__()
        self.hidden = y.isnan()
        if not bool(self.hidden.any()):
            raise InputError(
                f"Clamped: y has shape {tuple(y.shape)} and no hidden (NaN) coordinate; expected "
                "one row with at least 1"
            )
        self.energy, self.y = energy, y
        self.index = self.hidden.flatten().nonzero()[:, 0]
        self.beta, self.space = energy.beta, energy.space

    def filled(self, hidden: Tensor) -> Tensor:
        """Whole rows ``(..., *shape)`` for values (..., k) of the hidden coordinates."""
        whole = self.y.to(hidden).flatten().expand(*hidden.shape[:-1], self.y.numel())
        return whole.index_copy(-1, self.index, hidden).reshape(*hidden.shape[:-1], *self.y.shape)

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return self.energy(self.filled(y), x)

    @torch.no_grad()
    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        value, grad = self.energy.value_and_gradient(self.filled(y), x)
        return value, grad[:, self.hidden]
