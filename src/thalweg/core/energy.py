"""Energies: one number for each row, low where things fit together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

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


class LatentSpace(nn.Module, ABC):
    """The set that a latent variable ranges over, and its own energy R(z).

    As with energies, what a space does not know about itself is ``None``.
    """

    is_even: bool = False
    """Whether R is 0 everywhere"""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of one z."""

    @abstractmethod
    def forward(self, z: Tensor) -> Tensor:
        """R(z): the shape of z without the latent dimensions."""

    def members(self) -> Tensor | None:
        """All of its elements, ``(k, *shape)``, or None if they cannot be listed."""
        return None

    def nearest(self, z: Tensor) -> Tensor:
        """The element of the set that is nearest to z; z itself where the set is all of space."""
        return z

    def proximal(self, z: Tensor, step: Tensor) -> Tensor:
        r"""The proximal map, :math:`\arg\min_u R(u) + \|u - z\|^2 / (2 \text{ step})`.

        ``step`` broadcasts against z. Where R is 0 on the set it is :meth:`nearest`.
        """
        return self.nearest(z)

    def extent(self) -> tuple[Tensor, Tensor] | None:
        """Corners ``(*shape)`` of a box outside of which exp(-R) has no mass worth counting."""
        return None

    def log_volume(self) -> Tensor | None:
        """log of the integral (or sum) of exp(-R(z)), where it is finite and known: ()."""
        return None

    def draw(self, n: int, generator: torch.Generator) -> Tensor | None:
        """n draws from exp(-R(z)), normalized: ``(n, *shape)``, or None if there is no such way."""
        return None


class Quadratic(NamedTuple):
    r"""A data term that is quadratic in z: :math:`\frac12 z^T G z - b^T z + c`."""

    gram: Tensor
    """G: (k, k) where all rows share it, else (n, k, k)"""
    linear: Tensor
    """b: (n, k)"""
    constant: Tensor
    """c: (n,)"""


class LatentEnergy(nn.Module, ABC):
    """An energy E(x, y, z) with a variable z that is never observed.

    A data term plus the latent space's own R(z). ``z`` is ``(n, *latent)``, or carries leading
    candidate dimensions, ``(k, n, *latent)``, and then the result does too. A row dimension of 1
    stands for candidates that all rows share: that is what lets k predictions be held against n
    rows as one matrix product instead of being decoded n times.
    """

    latent: LatentSpace

    @property
    def minimizes_hidden(self) -> bool:
        """As :meth:`Energy.minimizes_hidden`."""
        return False

    @property
    def indicators(self) -> Indicators | None:
        """As :meth:`Energy.indicators`."""
        return None

    @abstractmethod
    def data_term(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> Tensor:
        """E without R(z): (n,) or (k, n)."""

    def forward(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> Tensor:
        """E(x, y, z): (n,) or (k, n)."""
        return self.data_term(y, z, x) + self.latent(z)

    def value_and_slope(
        self, y: Tensor, z: Tensor, x: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The data term (n,) and its gradient by z ``(n, *latent)``, without a graph.

        Autograd's, unless an energy has a closed form.
        """
        return by_autograd(lambda at: self.data_term(y.detach(), at, x), z)

    def lowest(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The least energy over candidates z ``(k, n, *latent)``, and which one has it: both (n,).

        By the envelope theorem its gradient is the gradient at that candidate.
        """
        return self(y, z, x).min(dim=0)

    def least(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> Tensor:
        """The least energy over candidates alone, where nobody asks which one has it: (n,)."""
        return self.lowest(y, z, x)[0]

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor | None:
        """The y that z stands for, (n, d), or None for an energy that does not decode."""
        return None

    def reconstruct(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> Tensor | None:
        """The row of least energy for z ``(n, *latent)``, visible coordinates as they are in y.

        Without hidden coordinates, and where z alone says what they are, :meth:`decode`.
        """
        return self.decode(z, x)

    def modes(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        """Where it knows several rows that may be the lowest, as :meth:`Energy.fillings`."""
        return None

    def expect(self, y: Tensor, z: Tensor, share: Tensor, x: Tensor | None = None) -> Tensor | None:
        """The mean of :meth:`reconstruct` over candidates z ``(k, n or 1, *latent)``.

        ``share`` is (k, n), the probability of each candidate.
        """
        total: Tensor | None = None
        for each, part in zip(z, share, strict=True):
            rebuilt = self.reconstruct(y, each.expand(len(y), *each.shape[1:]), x)
            if rebuilt is None:
                return None
            total = part[:, None] * rebuilt + (0 if total is None else total)
        return total

    def recovery_cost(
        self, y: Tensor, z: Tensor, asked: Tensor, x: Tensor | None = None
    ) -> Tensor | None:
        """As :meth:`Energy.recovery_cost`, z being the codes of the spoiled rows: (n,), or None."""
        return None

    @property
    def quadratic_by_row(self) -> bool | None:
        """Whether :meth:`quadratic` has a Gram matrix for each row; None if there is none."""
        return None

    def quadratic(self, y: Tensor, x: Tensor | None = None) -> Quadratic | None:
        """The data term as a quadratic form in z, or None where it is none."""
        return None

    def quadratics(
        self, y: Tensor, x: Tensor | None = None, among: Tensor | None = None
    ) -> list[tuple[Tensor, Quadratic]] | None:
        """Rows that share a Gram matrix, by their positions, and their form; or None.

        ``among`` are the positions of the rows that are asked about, by default all.
        """
        if self.quadratic_by_row is not False:
            return None
        rows = torch.arange(len(y), device=y.device) if among is None else among
        form = self.quadratic(y[rows], None if x is None else x[rows])
        return None if form is None else [(rows, form)]

    def curvature(self) -> Tensor | None:
        """A bound on its second derivatives along z: ().

        For a data term that is a multiple of the squared distance of y from a linear map of z, so
        that its least conceivable value is 0; else None.
        """
        return None

    def taking(self, rows: Tensor) -> LatentEnergy | None:
        """Of a view that knows its rows, that of some of them, by their positions (m,); or None.

        What is found row by row need not go on for rows where it has ended.
        """
        return None

    def restricted(self, visible: Tensor) -> LatentEnergy | None:
        """As :meth:`Energy.restricted`."""
        return None

    def draw_rest(
        self,
        y: Tensor,
        z: Tensor,
        beta: float,
        generator: torch.Generator,
        x: Tensor | None = None,
    ) -> Tensor | None:
        """Rows with what is hidden drawn from exp(-beta E) given the rest and z, or None.

        ``y`` is (n, d), NaN where hidden, z (m, n, *latent), what is drawn (m, n, d).
        """
        return None

    def draw(self, n: int, beta: float, generator: torch.Generator) -> Tensor | None:
        """n exact draws of y from the sum over z of exp(-beta E): (n, d), or None."""
        return None
