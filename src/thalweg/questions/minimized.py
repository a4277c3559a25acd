"""Energies that know nothing of hidden coordinates, asked about rows that have some."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Energy
from thalweg.questions.complete import complete


class MinimizedOut(Energy):
    r"""An energy whose hidden coordinates are minimized out.

    .. math::
        F(y_1) = \min_{y_2} F(y_1, y_2)

    The minimum is looked for as :func:`~thalweg.questions.complete` does, by descent from several
    rows, so a row with hidden coordinates has the energy of its completion. It is the same for the
    same row, whatever others are asked about beside it.

    Parameters
    ----------
    energy : Energy
    starts : Tensor
        (s, d), rows whose values the hidden coordinates may start from.
    visible : Tensor, optional
        (n, d), bool; by default what is not NaN.

    Examples
    --------
    >>> from thalweg.energies import TwoWells
    >>> energy = MinimizedOut(TwoWells(1.0), torch.tensor([[1.0, 0.5], [-1.0, 0.5]]))
    >>> with torch.no_grad():
    ...     lowest = energy(torch.tensor([[0.3, torch.nan]]))
    ...     bool(lowest <= energy(torch.tensor([[0.3, 0.1]])))
    True
    """

    def __init__(self, energy: Energy, starts: Tensor, visible: Tensor | None = None) -> None:
        super().__init__()
        self.energy, self.starts, self.visible = energy, starts, visible
        self.beta, self.space = energy.beta, energy.space

    @property
    def minimizes_hidden(self) -> bool:
        return True

    def filled(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """Rows with the values of least energy where they hide something."""
        holed = y if self.visible is None else torch.where(self.visible, y, torch.nan)
        return complete(self.energy, holed, x, self.starts)

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        value: Tensor = self.energy(self.filled(y, x), x)
        return value

    def restricted(self, visible: Tensor) -> MinimizedOut:
        seen = visible if self.visible is None else self.visible & visible
        return MinimizedOut(self.energy, self.starts, seen)

    def codes(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self.energy.codes(self.filled(y, x), x)

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self.energy.decode(z, x)

    def reconstruct(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self.energy.reconstruct(self.filled(y, x), x)

    def fillings(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return self.filled(y, x)[None]
