"""One energy for every scale of noise."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Energy, InputError
from thalweg.energies.nets import Perceptron


class NoiseConditional(Energy):
    r"""The energy of rows with Gaussian noise of standard deviation sigma on them.

    .. math::
        F(y, s) = \frac{\|y\|^2}{2 (1 + \sigma^2)} + \frac d2 \log\left(2 \pi (1 + \sigma^2)\right)
        + f\left(\frac{y}{\sqrt{1 + \sigma^2}}, \tfrac{s}{2}\right), \qquad s = \log \sigma

    x is s, (n, 1). The first part is the normalized energy of standardized rows that are normal, so
    that the network has only to say how the data differ from that, ever less as sigma grows.

    Parameters
    ----------
    network : Perceptron
        f, from d + 1 numbers to 1, with SiLU.

    References
    ----------
    Karras, Aittala, Aila, Laine, "Elucidating the design space of diffusion-based generative
    models" (2022), table 1, for the scaling of the input.
    """

    def __init__(self, network: Perceptron) -> None:
        super().__init__()
        if not network.is_silu:
            raise InputError("NoiseConditional: the network's nonlinearity is not SiLU")
        self.network = network

    def _seen(self, y: Tensor, x: Tensor | None) -> tuple[Tensor, Tensor]:
        """What the network sees, (n, d + 1), and 1 + sigma^2, (n, 1)."""
        if x is None or x.dim() != 2 or x.shape[1] != 1:
            raise InputError(
                "NoiseConditional: x is log sigma, (n, 1); got "
                f"{None if x is None else tuple(x.shape)}"
            )
        wide = 1 + (2 * x).exp()
        return torch.cat([y / wide.sqrt(), (0.5 * x).expand(y.shape[0], 1)], dim=1), wide

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        seen, wide = self._seen(y, x)
        normal = 0.5 * (y.square() / wide + (2 * torch.pi * wide).log()).sum(dim=1)
        return normal + self.network(seen)[:, 0]

    @torch.no_grad()
    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        seen, wide = self._seen(y, x)
        value, slope = self.network.value_and_input_gradient(seen)
        normal = 0.5 * (y.square() / wide + (2 * torch.pi * wide).log()).sum(dim=1)
        return normal + value, y / wide + slope[:, :-1] / wide.sqrt()

    def slopes(self, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        seen, wide = self._seen(y, x)
        inner = self.network.input_slope(seen)
        root, share = wide.sqrt(), 1 - 1 / wide
        at, by = seen[:, :-1], inner[:, :-1]
        by_scale = (share * (1 - at.square() - at * by)).sum(dim=1, keepdim=True)
        return y / wide + by / root, by_scale + 0.5 * inner[:, -1:]
