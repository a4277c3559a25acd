"""Energies: one number for each row, low where things fit together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from thalweg.core.compiled import CompiledNetwork
from thalweg.core.derivatives import (
    along_by_autograd,
    by_autograd,
    slope_by_autograd,
    slopes_by_autograd,
)
from thalweg.core.hidden_parts import Part
from thalweg.core.indicators import Indicators


class Energy(nn.Module, ABC):
    """An energy F(x, y): ``energy(y)`` or ``energy(y, x)`` gives (n,), one number a row.

    ``p(y | x)`` is proportional to ``exp(-F(x, y))`` where that has a finite integral. Batch
    first; no row's energy depends on another row.

    What an energy may know about itself is ``None`` unless it says otherwise: ``restricted``,
    ``codes`` and ``decode``, ``draw``, ``log_normalizer``. What it does not know,
    :mod:`thalweg.questions` finds with the energy alone. ``value_and_gradient`` is autograd's
    unless an energy has a closed form.
    """

    beta: float = 1.0
    """Inverse temperature of its density, 1 but for energies that are made with another one"""

    space: str = "real"
    """What y is made of: "real" numbers, "binary" ones, or "mixed", some of each"""

    pairs_alike: bool = False
    """Whether x is an item like y, in the same units"""

    @property
    def minimizes_hidden(self) -> bool:
        """Whether :meth:`restricted` is the minimum over hidden coordinates (not an integral).

        Then no filling of a row has less energy than the row without its hidden coordinates.
        """
        return False

    @property
    def indicators(self) -> Indicators | None:
        """Which entries of y say what word is there; None where all of y are numbers."""
        return None

    @abstractmethod
    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """F(x, y) for each row of ``y``: (n,)."""

    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """F (n,) and dF/dy with the shape of y, without a graph."""
        return by_autograd(lambda at: self(at, x), y)

    def gradient(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """dF/dy alone; an energy for which that costs less says so here."""
        return self.value_and_gradient(y, x)[1]

    def as_network(self, y: Tensor) -> tuple[CompiledNetwork, float] | None:
        """A network and the k of k |y|^2 / 2 beside it, where that is all that F is.

        Compiled loops over chains then evaluate F and its gradient themselves. None for energies
        that are something else, and for rows that the loops are not made for.
        """
        return None

    def slope(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """dF/dy with a graph, for objectives that train it."""
        return slope_by_autograd(lambda at: self(at, x), y)

    def slopes(self, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """dF/dy and dF/dx with a graph."""
        return slopes_by_autograd(self, y, x)

    def along(
        self, y: Tensor, directions: Tensor, x: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        r"""F and its first two derivatives along directions v_i ``(m, n, *shape)``, with a graph.

        The value (n,), the slopes :math:`v_i^T \nabla F` (m, n), and the sum of the curvatures
        :math:`\sum_i v_i^T \nabla^2 F v_i` (n,).
        """
        return along_by_autograd(lambda at: self(at, x), y, directions)

    def flipped(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """F of binary rows (n, d) with each coordinate changed in turn: (n, d), with a graph."""
        n, d = y.shape
        changed = torch.where(torch.eye(d, dtype=torch.bool, device=y.device), 1 - y[:, None],
                              y[:, None])  # fmt: skip
        given = None if x is None else x.repeat_interleave(d, dim=0)
        value: Tensor = self(changed.reshape(n * d, d), given)
        return value.reshape(n, d)

    def which_bits(self) -> Tensor | None:
        """Which coordinates are 0 or 1, (d,), bool; None for an energy of real numbers alone."""
        return None

    def restricted(self, visible: Tensor) -> Energy | None:
        """The energy that is left when coordinates of y are hidden.

        ``visible`` is (n, d), bool, for the very rows that the result is then asked about. A
        hidden coordinate's value, NaN included, does not matter to the result.
        """
        return None

    def codes(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        """What explains each row: ``(n, *code)``, or None for an energy without codes."""
        return None

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor | None:
        """The rows that codes ``(n, *code)`` stand for: (n, d), or None."""
        return None

    def reconstruct(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        """What the codes of ``y`` decode to: (n, d), or None for an energy without codes."""
        z = self.codes(y, x)
        return None if z is None else self.decode(z, x)

    def fillings(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        """Rows that may be the lowest with the visible part of y: (s, n, d), or None."""
        rebuilt = self.reconstruct(y, x)
        return None if rebuilt is None else rebuilt[None]

    def expect(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        """The mean of each row under its density, given what is visible: (n, d), or None."""
        return None

    def left_out(self, y: Tensor, parts: Sequence[Part]) -> tuple[Tensor, Tensor] | None:
        """F with each part of y hidden in turn (n, parts), and what is expected there (n, d); None
        where that costs no less than asking restricted views."""
        return None

    def draw_fillings(
        self, y: Tensor, n_draws: int, generator: torch.Generator, x: Tensor | None = None
    ) -> Tensor | None:
        """Rows with what is hidden drawn given what is visible: (n_draws, n, d), or None.

        From the density of the energy, exactly or by importance; an energy that has to be followed
        by chains knows no such way.
        """
        return None

    def recovery_cost(
        self, y: Tensor, spoiled: Tensor, asked: Tensor, x: Tensor | None = None
    ) -> Tensor | None:
        """What it costs to bring entries of y back from spoiled rows: (n,), or None.

        ``asked`` is bool, of the shape of y. The squared error of what the energy reconstructs,
        unless it says otherwise.
        """
        rebuilt = self.reconstruct(spoiled, x)
        if rebuilt is None:
            return None
        # where first: the gradient of what is hidden is not a number
        error = torch.where(asked, rebuilt - torch.where(asked, y, 0), 0)
        return error.flatten(1).square().sum(dim=1)

    def draw(self, n: int, generator: torch.Generator) -> Tensor | None:
        """n exact draws from the density of the energy: (n, d), or None if there is no such way."""
        return None

    def log_normalizer(self) -> Tensor | None:
        """log Z, Z the integral (or sum) of exp(-beta F) over y, where it is known: ()."""
        return None
