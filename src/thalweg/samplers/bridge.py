"""Energies between an easy density and the wanted one."""

from __future__ import annotations

from torch import Tensor

from thalweg.core import Energy, EnergyFunction, value, value_and_gradient
from thalweg.samplers.noise import per_chain


class Bridge(Energy):
    r"""The geometric path from one density to another.

    .. math::
        F_\beta(y) = (1 - \beta) F_0(y) + \beta F_1(y)

    Parameters
    ----------
    end : callable
        F_1.
    beta : float or Tensor
        From 0 to 1; (n,) for one of its own for each row.
    start : Energy, optional
        F_0; without it F_beta = beta F_1.
    """

    def __init__(
        self, end: EnergyFunction, beta: float | Tensor, start: Energy | None = None
    ) -> None:
        super().__init__()
        self._ends = (start, end)
        self.share = beta

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        start, end = self._ends
        if start is None:
            return self.share * end(y)
        return (1 - self.share) * start.beta * start(y) + self.share * end(y)

    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        start, end = self._ends
        share = self.share
        wide = per_chain(share, y) if isinstance(share, Tensor) else share
        energy, grad = value_and_gradient(end, y)
        if start is None:
            return share * energy, wide * grad
        easy, slope = value_and_gradient(start, y)
        return (
            (1 - share) * start.beta * easy + share * energy,
            (1 - wide) * start.beta * slope + wide * grad,
        )

    def change(self, y: Tensor, beta: float) -> Tensor:
        """F at another beta less F at this one: (n,)."""
        start, end = self._ends
        slope = value(end, y)
        if start is not None:
            slope = slope - start.beta * value(start, y)
        return (beta - self.share) * slope
