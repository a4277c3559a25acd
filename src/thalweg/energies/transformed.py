"""An energy in other coordinates, such as numbers without bounds for ones with bounds."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions.transforms import Transform

from thalweg.core import Energy, EnergyFunction, as_energy


class Transformed(Energy):
    r"""The energy over u of a density over y = T(u).

    .. math::
        F_u(u) = \beta F_y(T(u)) - \log |\det T'(u)|

    so that y = T(u) has the density proportional to exp(-beta F_y), beta being that of F_y, when u
    has the one proportional to exp(-F_u). Chains move u freely where y is bounded. Another
    temperature belongs inside, ``Transformed(Bridge(energy, beta), transform)``: the Jacobian has
    none.

    Parameters
    ----------
    energy : callable
        F_y, from (n, d) to (n,).
    transform : torch.distributions.transforms.Transform
        T, of rows of u to rows of y: one that knows its Jacobian, such as ``ExpTransform()`` for y
        above 0 or ``SigmoidTransform()`` for y between 0 and 1.

    Examples
    --------
    >>> from torch.distributions.transforms import ExpTransform
    >>> exponential = lambda y: y.sum(dim=1)
    >>> energy = Transformed(exponential, ExpTransform())
    >>> energy(torch.zeros(1, 1))
    tensor([1.])
    """

    def __init__(self, energy: EnergyFunction, transform: Transform) -> None:
        super().__init__()
        self.energy, self.transform = as_energy(energy), transform

    def forward(self, u: Tensor, x: Tensor | None = None) -> Tensor:
        y = self.transform(u)
        stretch: Tensor = self.transform.log_abs_det_jacobian(u, y)  # type: ignore[no-untyped-call]
        inside = self.energy.beta * self.energy(y, x)
        return inside - (stretch if stretch.dim() == 1 else stretch.flatten(1).sum(dim=1))

    @torch.no_grad()
    def to_y(self, u: Tensor) -> Tensor:
        """T(u), for draws with any leading dimensions."""
        y: Tensor = self.transform(u)
        return y

    @torch.no_grad()
    def draw(self, n: int, generator: torch.Generator) -> Tensor | None:
        drawn = self.energy.draw(n, generator)
        return None if drawn is None else self.transform.inv(drawn)

    def log_normalizer(self) -> Tensor | None:
        """That of the energy over y: a change of coordinates keeps the integral."""
        return self.energy.log_normalizer()
