"""One energy of images for every scale of noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thalweg.core import Energy, InputError, check_columns
from thalweg.energies.conditional_unet import ConditionalUNet

BETWEEN = 1.5
"""Times that r is in what takes noise off before derivatives are taken"""


class NoisyImages(Energy):
    r"""The energy of images with Gaussian noise of standard deviation sigma on them.

    .. math::
        F(y, s) = \frac{\|y\|^2}{2 (1 + \sigma^2)} + \frac d2 \log\left(2 \pi (1 + \sigma^2)\right)
        - \frac1\sigma u^T r(u, s) + d \left(c(s) - c(s_{\max})\right), \qquad
        u = \frac{y}{\sqrt{1 + \sigma^2}}, \quad s = \log \sigma

    x is s, (n, 1). The first part is the normalized energy of pixels of variance 1, which is what
    images are under the largest noise; the slope of the second one is as large at every scale, and
    r(u) + J_r(u)^T u, so that a network r which takes noise off is a good energy to begin with; the
    third one is what an image that is 0 all over has.

    Parameters
    ----------
    network : ConditionalUNet
        r, and c.
    largest : float, default 20
        The largest sigma.

    References
    ----------
    Guth, Kadkhodaie, Simoncelli, "Learning normalized image densities via dual score matching"
    (2025), for the inner product; Karras, Aittala, Aila, Laine, "Elucidating the design space of
    diffusion-based generative models" (2022), for what is scaled by sigma.

    Examples
    --------
    >>> import torch
    >>> network = ConditionalUNet((6, 6, 1), 4, 1, torch.Generator().manual_seed(0))
    >>> energy, y = NoisyImages(network), torch.zeros(2, 36)
    >>> energy(y, torch.zeros(2, 1)).shape, energy.reconstruct(y, torch.zeros(2, 1)).shape
    (torch.Size([2]), torch.Size([2, 36]))
    """

    top: Tensor

    def __init__(self, network: ConditionalUNet, largest: float = 20.0) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("top", torch.full((1, 1), math.log(largest)), persistent=False)

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        if x is None or x.dim() != 2 or x.shape[1] != 1:
            raise InputError(
                f"NoisyImages: x is log sigma, (n, 1); got {None if x is None else tuple(x.shape)}"
            )
        wide = 1 + (2 * x).exp()
        u = y / wide.sqrt()
        normal = 0.5 * (y.square() / wide + (2 * torch.pi * wide).log()).sum(dim=1)
        offset = y.shape[1] * (self.network.offset(x) - self.network.offset(self.top))[:, 0]
        return normal - (-x[:, 0]).exp() * (u * self._seen(u, x)).sum(dim=1) + offset.to(normal)

    def _seen(self, u: Tensor, x: Tensor) -> Tensor:
        """r(u, s), (n, d)."""
        height, width, channels = self.network.shape
        check_columns("NoisyImages", u, height * width * channels)
        planes = u.reshape(-1, height, width, channels).permute(0, 3, 1, 2)
        seen = self.network(planes, x.expand(u.shape[0], 1)).permute(0, 2, 3, 1).flatten(1)
        # sums of half precision are no energies
        return seen.to(u)

    def field(self, y: Tensor, x: Tensor) -> Tensor:
        r"""Images less their noise by the network alone, without a derivative: (n, d).

        .. math::
            \frac{y}{1 + \sigma^2} + \tfrac32 \frac{\sigma}{\sqrt{1 + \sigma^2}} r(u, s)

        The slope has r once where r is the same for all u, and twice where it is proportional to u;
        a network that was trained in between, in a third of the time, is where to begin.
        """
        wide = 1 + (2 * x).exp()
        return y / wide + BETWEEN * x.exp() / wide.sqrt() * self._seen(y / wide.sqrt(), x)

    def reconstruct(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        """The mean of the images that y could be, less noise: y - sigma^2 dF/dy; None without x."""
        if x is None:
            return None
        if torch.is_grad_enabled():
            return y - (2 * x).exp() * self.slope(y, x)
        return y - (2 * x).exp() * self.gradient(y, x)
