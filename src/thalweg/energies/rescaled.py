"""An energy in other units."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Energy, Indicators, check_columns


class Rescaled(Energy):
    r"""An energy of standardized columns, asked in the columns' own units.

    .. math::
        F(x, y) = F_0\bigl((x - m_x) / s_x,\; (y - m_y) / s_y\bigr)

    Of a pair of items alike x has the units of y, unless it has some of its own.
    Codes are those of the energy inside; reconstructions and draws come back in the units of y.

    Parameters
    ----------
    energy : Energy
        F_0.
    shift, scale : Tensor
        m_y and s_y, (d,).
    x_shift, x_scale : Tensor, optional
        m_x and s_x.
    """

    shift: Tensor
    scale: Tensor
    x_shift: Tensor | None
    x_scale: Tensor | None

    def __init__(
        self,
        energy: Energy,
        shift: Tensor,
        scale: Tensor,
        x_shift: Tensor | None = None,
        x_scale: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.energy = energy
        self.register_buffer("shift", shift)
        self.register_buffer("scale", scale)
        self.register_buffer("x_shift", x_shift)
        self.register_buffer("x_scale", x_scale)
        self.beta = energy.beta
        self.pairs_alike = energy.pairs_alike

    @property
    def minimizes_hidden(self) -> bool:
        return self.energy.minimizes_hidden

    @property
    def indicators(self) -> Indicators | None:
        inside = self.energy.indicators
        return None if inside is None else inside.in_units(self.shift, self.scale)

    def _in(self, y: Tensor) -> Tensor:
        # images and clips share one shift
        if self.shift.numel() > 1:
            check_columns("energy", y, self.shift.shape[-1])
        return (y - self.shift) / self.scale

    def given(self, x: Tensor | None) -> Tensor | None:
        """x in the units of the energy inside."""
        if x is None:
            return None
        if self.x_shift is None or self.x_scale is None:
            return self._in(x) if self.pairs_alike else x
        return (x - self.x_shift) / self.x_scale

    def into(self, y: Tensor) -> Tensor:
        """Rows in the units of the energy inside."""
        return self._in(y)

    def out(self, y: Tensor) -> Tensor:
        """Rows of the energy inside in the units of y."""
        return y * self.scale + self.shift

    def _out(self, y: Tensor | None) -> Tensor | None:
        return None if y is None else y * self.scale + self.shift

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        value: Tensor = self.energy(self._in(y), self.given(x))
        return value

    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        value, grad = self.energy.value_and_gradient(self._in(y), self.given(x))
        return value, grad / self.scale

    def restricted(self, visible: Tensor) -> Rescaled | None:
        view = self.energy.restricted(visible)
        if view is None:
            return None
        return Rescaled(view, self.shift, self.scale, self.x_shift, self.x_scale)

    def codes(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self.energy.codes(self._in(y), self.given(x))

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self._out(self.energy.decode(z, self.given(x)))

    def reconstruct(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self._out(self.energy.reconstruct(self._in(y), self.given(x)))

    def fillings(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self._out(self.energy.fillings(self._in(y), self.given(x)))

    def expect(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self._out(self.energy.expect(self._in(y), self.given(x)))

    def draw_fillings(
        self, y: Tensor, n_draws: int, generator: torch.Generator, x: Tensor | None = None
    ) -> Tensor | None:
        drawn = self.energy.draw_fillings(self._in(y), n_draws, generator, self.given(x))
        found = self._out(drawn)
        return None if found is None else torch.where(y.isnan(), found, y)

    def draw(self, n: int, generator: torch.Generator) -> Tensor | None:
        return self._out(self.energy.draw(n, generator))
