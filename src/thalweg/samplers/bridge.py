"""Energies between an easy density and the wanted one."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Energy, EnergyFunction, value, value_and_gradient
from thalweg.samplers.noise import per_chain


class Bridge(Energy):
    r"""The geometric path from one density to another.

    .. math::
        F_s(y) = (1 - s) \beta_0 F_0(y) + s F_1(y)

    with beta_0 the inverse temperature of F_0. Without F_0 it is F_1 at the inverse temperature s.
    An end of share 0 is not asked, so it may be infinite there.

    Parameters
    ----------
    end : callable
        F_1.
    share : float or Tensor
        s, (n,) for one of its own for each row.
    start : Energy, optional
        F_0.
    """

    def __init__(
        self, end: EnergyFunction, share: float | Tensor, start: Energy | None = None
    ) -> None:
        super().__init__()
        # in a tuple, for a view has no parameters of its own
        self._ends = (start, end)
        self.share = share
        self.space = end.space if isinstance(end, Energy) else "real"

    def _parts(self) -> list[tuple[float | Tensor, EnergyFunction]]:
        start, end = self._ends
        parts: list[tuple[float | Tensor, EnergyFunction]] = []
        if start is not None and not _nothing(1 - self.share):
            parts.append(((1 - self.share) * start.beta, start))
        if not _nothing(self.share):
            parts.append((self.share, end))
        return parts

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return torch.stack([weight * part(y) for weight, part in self._parts()]).sum(dim=0)

    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        energy, grad = torch.zeros((), dtype=y.dtype, device=y.device), torch.zeros_like(y)
        for weight, part in self._parts():
            height, slope = value_and_gradient(part, y)
            energy = energy + weight * height
            wide = per_chain(weight, y) if isinstance(weight, Tensor) else weight
            grad = grad + wide * slope
        return energy, grad

    def by_share(self, y: Tensor) -> Tensor:
        """The derivative of F by s: (n,)."""
        start, end = self._ends
        height = value(end, y)
        return height if start is None else height - start.beta * value(start, y)


def _nothing(share: float | Tensor) -> bool:
    return not isinstance(share, Tensor) and share == 0
