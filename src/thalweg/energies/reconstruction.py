"""Energies that measure how well a code can reproduce what was seen."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from thalweg.core import (
    Indicators,
    LatentEnergy,
    LatentSpace,
    Quadratic,
    QuadraticApart,
    check_columns,
    rows_alike,
    values_known,
)
from thalweg.energies.cost import Cost, SquaredError
from thalweg.energies.decoders import Affine
from thalweg.energies.nets import Perceptron

ALIKE = 16
"""Atoms for each row that hides the same, up to which a Gram matrix for them is worth it"""


class Reconstruction(LatentEnergy):
    r"""The cost of the best that a code can do, :math:`E(x, y, z) = C(y, g(z, x)) + R(z)`.

    With one-hot z and :class:`~thalweg.energies.Affine` as g it is K-means:
    :math:`E(y, z) = \|y - zW\|^2`, k points of zero energy and quadratic growth around them. With
    real z and R = 0 it is PCA, with :math:`R = a \|z\|_1` sparse coding; with a network as g, GLO
    and the autoencoders; with x, one of many predictions for one x.

    Parameters
    ----------
    decoder : Module
        g: from codes ``(..., *latent)`` to predictions (..., d). Where x is given it is called
        with (z, x).
    latent : LatentSpace
        What z ranges over, and R(z).
    cost : Cost, default SquaredError()
        C.

    Examples
    --------
    >>> import torch
    >>> from thalweg.energies import Affine
    >>> from thalweg.latents import Exhaustive, FreeEnergy, OneHot
    >>> points = Affine(torch.tensor([[0.0, 0.0], [4.0, 0.0]]))
    >>> k_means = FreeEnergy(Reconstruction(points, OneHot(2)), Exhaustive())
    >>> k_means(torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])).detach()
    tensor([0., 1., 4.])
    """

    def __init__(self, decoder: nn.Module, latent: LatentSpace, cost: Cost | None = None) -> None:
        super().__init__()
        self.decoder = decoder
        self.latent = latent
        self.cost = SquaredError() if cost is None else cost

    @property
    def minimizes_hidden(self) -> bool:
        return self.cost.minimizes_hidden

    @property
    def indicators(self) -> Indicators | None:
        return self.cost.indicators

    def data_term(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> Tensor:
        if x is None and self._shared_by_rows(y, z):
            return self.cost.pairwise(y, self.decoder(z[:, 0]))
        decoder, apart = self.decoder, x is None and self.cost.of_difference
        if apart and isinstance(decoder, Affine) and decoder.offset is not None:
            check_columns("Reconstruction", y, len(decoder.offset))
            # the offset goes off first: added to zW it would take that one's digits
            return self.cost(y - decoder.offset, z @ decoder.weight)
        return self.cost(y, self.decode(z, x))

    def lowest(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if x is None and self._shared_by_rows(y, z) and self._costs_nothing(z):
            return self.cost.lowest(y, self.decoder(z[:, 0]))
        return super().lowest(y, z, x)

    def least(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> Tensor:
        if x is None and self._shared_by_rows(y, z) and self._costs_nothing(z):
            return self.cost.least(y, self.decoder(z[:, 0]))
        return super().least(y, z, x)

    def _shared_by_rows(self, y: Tensor, z: Tensor) -> bool:
        candidates = z.ndim - len(self.latent.shape) == 2
        if not values_known(y, z):
            return candidates and z.shape[1] == 1  # of one row both forms are the same
        return candidates and z.shape[1] == 1 and len(y) > 1

    def _costs_nothing(self, z: Tensor) -> bool:
        """Whether R is 0 of all candidates."""
        return self.latent.is_even or (values_known(z) and not self.latent(z).any())

    @torch.no_grad()
    def value_and_slope(
        self, y: Tensor, z: Tensor, x: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        scale, decoder = self.cost.scale_of_squares(), self.decoder
        if scale is None or x is not None or not isinstance(decoder, (Affine, Perceptron)):
            return super().value_and_slope(y, z, x)
        if not decoder.can_pull_back:
            return super().value_and_slope(y, z, x)
        prediction, pull_back = decoder.with_pull_back(z)
        away = prediction - y
        if self.cost.visible is not None:
            away = torch.where(self.cost.visible, away, 0)
        return self.cost(y, prediction), pull_back(away.mul(2 * scale.to(away)))

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        prediction: Tensor = self.decoder(z) if x is None else self.decoder(z, x)
        return prediction

    def reconstruct(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> Tensor:
        return self.cost.settled(self.decode(z, x))

    def expect(self, y: Tensor, z: Tensor, share: Tensor, x: Tensor | None = None) -> Tensor:
        total = torch.zeros(())
        for each, part in zip(z, share, strict=True):
            mean = self.cost.expected(self.decode(each.expand(len(y), *each.shape[1:]), x))
            total = total.to(mean) + part[:, None] * mean
        return total

    def draw_rest(
        self,
        y: Tensor,
        z: Tensor,
        beta: float,
        generator: torch.Generator,
        x: Tensor | None = None,
    ) -> Tensor | None:
        drawn = self.cost.draw(self.decode(z, x), beta, generator)
        return None if drawn is None else torch.where(y.isnan(), drawn.to(y), y)

    def recovery_cost(
        self, y: Tensor, z: Tensor, asked: Tensor, x: Tensor | None = None
    ) -> Tensor | None:
        return self.cost.of_asked(y, self.decode(z, x), asked)

    @property
    def quadratic_by_row(self) -> bool | None:
        if not isinstance(self.decoder, Affine) or self.cost.scale_of_squares() is None:
            return None
        return self.cost.visible is not None

    def quadratic(self, y: Tensor, x: Tensor | None = None) -> Quadratic | None:
        scale = self.cost.scale_of_squares()
        if not isinstance(self.decoder, Affine) or scale is None:
            return None
        # in the type of y, which may ask for more than the decoder's
        scale, w, visible = scale.to(y), self.decoder.weight.to(y), self.cost.visible
        linear, constant = self._linear(y, scale, w)
        gram = w @ w.T if visible is None else torch.einsum("kd,nd,ld->nkl", w, visible.to(w), w)
        return Quadratic(2 * scale * gram, linear, constant)

    def quadratics(
        self, y: Tensor, x: Tensor | None = None, among: Tensor | None = None
    ) -> list[tuple[Tensor, Quadratic | QuadraticApart]] | None:
        scale, visible = self.cost.scale_of_squares(), self.cost.visible
        if visible is None or not isinstance(self.decoder, Affine) or scale is None:
            return super().quadratics(y, x, among)
        scale, w = scale.to(y), self.decoder.weight.to(y)
        linear, constant = self._linear(y, scale, w)
        rows = torch.arange(len(y), device=y.device) if among is None else among
        seen = visible.expand(len(y), -1)[rows]
        result: list[tuple[Tensor, Quadratic | QuadraticApart]] = []
        apart = []
        for group in rows_alike(seen.cpu().numpy()):
            if len(group) * ALIKE < len(w):
                apart.append(group)
                continue
            index = rows[torch.from_numpy(group).to(rows)]
            part = w[:, seen[int(group[0])]]
            gram = 2 * scale * (part @ part.T)
            result.append((index, Quadratic(gram, linear[index], constant[index])))
        if apart:
            few = torch.from_numpy(np.concatenate(apart)).to(rows)
            index, atoms = rows[few], (2 * scale).sqrt() * w
            form = QuadraticApart(atoms, seen[few], linear[index], constant[index])
            result.append((index, form))
        return result

    def _linear(self, y: Tensor, scale: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """What is linear in z, (n, k), and the cost at z = 0, (n,)."""
        assert isinstance(self.decoder, Affine)
        y = y if self.decoder.offset is None else y - self.decoder.offset.to(y)
        if self.cost.visible is not None:
            y = torch.where(self.cost.visible, y, 0)
        # what is left where nothing is explained: the squares, and a constant some costs have
        return 2 * scale * y @ w.T, self.cost(y, torch.zeros_like(y))

    def curvature(self) -> Tensor | None:
        if not isinstance(self.decoder, Affine) or not isinstance(self.cost, SquaredError):
            return None
        return 2 * self.cost.scale * torch.linalg.matrix_norm(self.decoder.weight, 2).square()

    def restricted(self, visible: Tensor) -> Reconstruction:
        return Reconstruction(self.decoder, self.latent, self.cost.restricted(visible))

    def taking(self, rows: Tensor) -> Reconstruction | None:
        if type(self) is not Reconstruction:
            return None  # what a subclass adds is not known here
        return Reconstruction(self.decoder, self.latent, self.cost.taking(rows))

    def draw(self, n: int, beta: float, generator: torch.Generator) -> Tensor | None:
        z = self._draw_code(n, beta, generator)
        return None if z is None else self.cost.draw(self.decode(z), beta, generator)

    def _draw_code(self, n: int, beta: float, generator: torch.Generator) -> Tensor | None:
        """z from exp(-beta R(z)), times the integral of exp(-beta C) where it depends on z.

        Without a temperature (beta infinite) as if it did not: each code stands for its best row.
        """
        members = None if math.isinf(beta) else self.latent.members()
        mass = None if members is None else self.cost.log_mass(self.decode(members), beta)
        if members is not None and mass is not None:
            share = torch.softmax((mass - beta * self.latent(members)).double(), dim=0)
            share = share.to(generator.device)
            which = torch.multinomial(share, n, replacement=True, generator=generator)
            return members[which.to(members.device)]
        z = self.latent.draw(n, generator)
        if z is None:
            return None
        even = math.isinf(beta) or self.cost.log_mass(self.decode(z[:1]), beta) is None
        return z if even and (beta == 1 or not self.latent(z).any()) else None
