"""An energy that is a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from thalweg.core import Energy, InputError
from thalweg.core.compiled import CompiledNetwork
from thalweg.energies.nets import Perceptron
from thalweg.energies.silu_network import network_of


class NetworkEnergy(Energy):
    r"""A network's output, and a parabola that holds it together where it is wanted.

    .. math::
        F(y) = f(y) + \tfrac12 k \|y\|^2

    For a :class:`Perceptron` of linear layers and SiLU the gradient is computed by hand, which
    takes half of autograd's time for small networks; other networks use autograd.

    Parameters
    ----------
    network : Module
        From y to (n, 1).
    stiffness : float, default 0
        k; above 0 exp(-F) has a finite integral if f grows less than quadratically.
    """

    def __init__(self, network: nn.Module, stiffness: float = 0.0) -> None:
        super().__init__()
        if stiffness < 0:
            raise InputError(f"NetworkEnergy: stiffness must be at least 0, got {stiffness}")
        self.network, self.stiffness = network, stiffness

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        value = self.network(y).squeeze(-1)
        if self.stiffness:
            value = value + 0.5 * self.stiffness * y.flatten(1).square().sum(dim=1)
        return value

    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        network = self._by_hand(y)
        if network is None:
            return super().value_and_gradient(y, x)
        value, grad = network.value_and_input_gradient(y)
        if self.stiffness:
            value = torch.add(value, torch.linalg.vecdot(y, y), alpha=0.5 * self.stiffness)
            grad = torch.add(grad, y, alpha=self.stiffness)
        return value, grad

    def gradient(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        network = self._by_hand(y)
        if network is None:
            return super().gradient(y, x)
        grad = network.input_gradient(y)
        return torch.add(grad, y, alpha=self.stiffness) if self.stiffness else grad

    def as_network(self, y: Tensor) -> tuple[CompiledNetwork, float] | None:
        network = self._by_hand(y)
        parts = None if network is None else network_of(network.layers_of_one_output, y)
        return None if parts is None else (parts, self.stiffness)

    def slope(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        network = self._by_hand(y)
        if network is None:
            return super().slope(y, x)
        return network.input_slope(y) + self.stiffness * y

    def along(
        self, y: Tensor, directions: Tensor, x: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        network = self._by_hand(y)
        if network is None:
            return super().along(y, directions, x)
        value, slopes, curvature = network.input_along(y, directions)
        k = self.stiffness
        value = value + 0.5 * k * y.square().sum(dim=1)
        slopes = slopes + k * (directions * y).sum(dim=2)
        return value, slopes, curvature + k * directions.square().sum(dim=(0, 2))

    def _by_hand(self, y: Tensor) -> Perceptron | None:
        """The network whose derivatives are written out, where it is one."""
        network = self.network
        known = y.dim() == 2 and isinstance(network, Perceptron) and network.is_silu
        return network if known else None  # type: ignore[return-value]
