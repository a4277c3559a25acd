"""Energies made of several, or of one by the way of another unit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from thalweg.core import Energy, Indicators, InputError

T = TypeVar("T")


class Several(Energy, ABC):
    """An energy made of several: what is hidden is hidden from each by itself.

    Parameters
    ----------
    energies : sequence of Energy
        At least one.
    """

    def __init__(self, energies: Sequence[Energy]) -> None:
        super().__init__()
        if not energies:
            raise InputError(f"{type(self).__name__}: no energies; expected one or more")
        self.energies = nn.ModuleList(energies)

    @property
    def each(self) -> list[Energy]:
        """The energies."""
        return [energy for energy in self.energies if isinstance(energy, Energy)]

    @abstractmethod
    def of(self, energies: Sequence[Energy]) -> Several:
        """The same of views of its energies."""

    @property
    def indicators(self) -> Indicators | None:
        return next((e.indicators for e in self.each if e.indicators is not None), None)

    def restricted(self, visible: Tensor) -> Several | None:
        views = _known(energy.restricted(visible) for energy in self.each)
        return self.of(views) if len(views) == len(self.energies) else None

    def fillings(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        """Those of all that know any."""
        found = _known(energy.fillings(y, x) for energy in self.each)
        return torch.cat(found) if found else None

    def draw_fillings(
        self, y: Tensor, n_draws: int, generator: torch.Generator, x: Tensor | None = None
    ) -> Tensor | None:
        """Those of the first that knows a way."""
        found = (energy.draw_fillings(y, n_draws, generator, x) for energy in self.each)
        return next((each for each in found if each is not None), None)


def _known(found: Iterable[T | None]) -> list[T]:
    return [each for each in found if each is not None]


class Sum(Several):
    r"""A weighted sum of energies: low where all are.

    .. math::
        F(x, y) = \sum_i w_i F_i(x, y)

    Of densities it is their product.

    Parameters
    ----------
    energies : sequence of Energy
    weights : sequence of float, optional
        1 each by default.

    Examples
    --------
    >>> from thalweg.energies import Normal
    >>> narrow = Normal(torch.zeros(1), torch.eye(1))
    >>> energy = Sum([narrow, narrow], [0.5, 0.5])
    >>> bool((energy(torch.ones(1, 1)) == narrow(torch.ones(1, 1))).all())
    True
    """

    def __init__(self, energies: Sequence[Energy], weights: Sequence[float] | None = None) -> None:
        weights = [1.0] * len(energies) if weights is None else list(weights)
        if len(weights) != len(energies):
            raise InputError(
                f"Sum: {len(energies)} energies and {len(weights)} weights; expected a weight for "
                "each"
            )
        super().__init__(energies)
        self.weights = weights

    def of(self, energies: Sequence[Energy]) -> Sum:
        return Sum(energies, self.weights)

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        values = [w * e(y, x) for w, e in zip(self.weights, self.each, strict=True)]
        return torch.stack(values).sum(dim=0)

    def expect(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        """The mean by those of its energies that know it."""
        found = _known(energy.expect(y, x) for energy in self.each)
        return torch.stack(found).mean(dim=0) if found else None


class Largest(Several):
    r"""The largest of several energies: low where all are.

    .. math::
        F(x, y) = \max_i F_i(x, y)

    Parameters
    ----------
    energies : sequence of Energy
        In units that compare, such as nats.
    """

    def of(self, energies: Sequence[Energy]) -> Largest:
        return Largest(energies)

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return torch.stack([energy(y, x) for energy in self.each]).max(dim=0).values

    def expect(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        """That of the first that knows it."""
        found = (energy.expect(y, x) for energy in self.each)
        return next((each for each in found if each is not None), None)


class Blend(Several):
    r"""Energies of which each is trusted with some columns more than with others.

    .. math::
        F(y) = \sum_i \bar w_i F_i(y), \qquad E[y_j \mid y_{\text{visible}}] =
        \sum_i w_{ij} E_i[y_j \mid y_{\text{visible}}]

    Parameters
    ----------
    energies : sequence of Energy
        Each knows the means of what is hidden.
    shares : Tensor
        w, (energies, d), each column of sum 1.
    spread : Tensor, optional
        (), what draws of numbers are further from their mean than the energies' own; 1 by default.
    """

    shares: Tensor
    spread: Tensor

    def __init__(
        self, energies: Sequence[Energy], shares: Tensor, spread: Tensor | None = None
    ) -> None:
        super().__init__(energies)
        self.register_buffer("spread", torch.ones_like(shares[0, 0]) if spread is None else spread)
        self.register_buffer("shares", shares)

    def of(self, energies: Sequence[Energy]) -> Blend:
        return Blend(energies, self.shares, self.spread)

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        weights = self.shares.mean(dim=1)
        values = [w * e(y, x) for w, e in zip(weights, self.each, strict=True)]
        return torch.stack(values).sum(dim=0)

    def fillings(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        """Those of all its energies, and their blend."""
        found, mean, words = super().fillings(y, x), self.expect(y, x), self.indicators
        if mean is not None and words is not None:
            mean = words.settled(mean)
        known = _known((found, None if mean is None else mean[None]))
        return torch.cat(known) if known else None

    def expect(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        found = _known(energy.expect(y, x) for energy in self.each)
        if len(found) < len(self.energies):
            return None
        return (torch.stack(found) * self.shares[:, None].to(y)).sum(dim=0)

    def draw_fillings(
        self, y: Tensor, n_draws: int, generator: torch.Generator, x: Tensor | None = None
    ) -> Tensor | None:
        """By one of its energies each, as often as it is trusted; numbers about the common mean."""
        mean, words = self.expect(y, x), self.indicators
        if mean is None:
            return None
        weight = self.shares.double().mean(dim=1).to(generator.device)
        which = torch.multinomial(
            weight.expand(len(y), -1), n_draws, replacement=True, generator=generator
        ).T.to(y.device)  # fmt: skip
        result = torch.where(y.isnan(), mean, y).expand(n_draws, *y.shape).clone()
        for i, energy in enumerate(self.each):
            drawn, center = energy.draw_fillings(y, n_draws, generator, x), energy.expect(y, x)
            if drawn is None or center is None:
                return None
            moved = mean + self.spread * (drawn - center)
            if words is not None:
                moved = torch.where(words.mask, drawn, moved)
            result = torch.where((which == i)[..., None] & y.isnan(), moved, result)
        return result


class Squashed(Energy):
    r"""An energy of numbers whose far ends are drawn in.

    .. math::
        F(y) = F_0(s(y)), \qquad s(y)_j = \operatorname{sign}(y_j) \log(1 + |y_j|)

    Near 0 nothing changes; far out it is factors that count, and no longer differences. There is no
    Jacobian: it is the energy that is asked elsewhere, not the density that is carried over.

    Parameters
    ----------
    energy : Energy
        F_0, of squashed rows.
    """

    def __init__(self, energy: Energy) -> None:
        super().__init__()
        self.energy = energy

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        value: Tensor = self.energy(squashed(y), x)
        return value

    def restricted(self, visible: Tensor) -> Squashed | None:
        view = self.energy.restricted(visible)
        return None if view is None else Squashed(view)

    def fillings(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        found = self.energy.fillings(squashed(y), x)
        return None if found is None else unsquashed(found)


def squashed(y: Tensor) -> Tensor:
    """sign(y) log(1 + |y|)."""
    return y.sign() * y.abs().log1p()


def unsquashed(s: Tensor) -> Tensor:
    """The y that :func:`squashed` makes s of."""
    return s.sign() * s.abs().expm1()
