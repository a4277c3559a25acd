"""Energies with a variable that is never observed, and the sets that it ranges over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from thalweg.core.derivatives import by_autograd
from thalweg.core.indicators import Indicators


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


class QuadraticApart(NamedTuple):
    r"""The same of rows each with a Gram matrix of its own, :math:`G_i = A D_i A^T`."""

    atoms: Tensor
    """A: (k, d)"""
    seen: Tensor
    """The diagonals of D, 0 or 1: (n, d), bool"""
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

    def by_place(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        """Of an energy that is a sum over places, each with a choice of its own: the part of each
        place for every choice there, (choices, n, places); None of others."""
        return None

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
    def has_normal_prior(self) -> bool:
        """Whether R is that of the latent space, whatever x is."""
        return True

    @property
    def quadratic_by_row(self) -> bool | None:
        """Whether :meth:`quadratic` has a Gram matrix for each row; None if there is none."""
        return None

    def quadratic(self, y: Tensor, x: Tensor | None = None) -> Quadratic | None:
        """The data term as a quadratic form in z, or None where it is none."""
        return None

    def quadratics(
        self, y: Tensor, x: Tensor | None = None, among: Tensor | None = None
    ) -> list[tuple[Tensor, Quadratic | QuadraticApart]] | None:
        """Rows that share a Gram matrix, by their positions, and their form; or None.

        Rows that share theirs with few may come together, as :class:`QuadraticApart`.

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
