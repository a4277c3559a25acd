"""A denoiser that is a step down an energy."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from thalweg.core import Energy, InputError
from thalweg.energies.initial import draw_weights


class NoiseNetwork(nn.Module):
    r"""What is noise in an image: from (n, c, height, width) to the same, for any size.

    Residual blocks of convolutions on squares of 2 x 2 pixels, ReLU between them, and no offsets:
    r(a y) = a r(y) for a > 0, so that a level of noise that was not trained on is only another
    contrast.

    Parameters
    ----------
    channels : int
        c.
    width : int, default 64
        Channels inside.
    depth : int, default 5
        Blocks of two convolutions.
    generator : torch.Generator, optional
        Of the initial weights.

    References
    ----------
    Mohan, Kadkhodaie, Simoncelli, Fernandez-Granda, "Robust and interpretable blind image denoising
    via bias-free convolutional neural networks" (2020); Zhang, Zuo, Zhang, "FFDNet: toward a fast
    and flexible solution for CNN based image denoising" (2018), for the squares.
    """

    def __init__(
        self, channels: int, width: int = 64, depth: int = 5,
        generator: torch.Generator | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.depth = depth
        self.first = _convolution(4 * channels, width)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(depth)))
        self.last = _convolution(width, 4 * channels)
        # of what ReLU halves
        draw_weights(self, generator, gain=math.sqrt(2))
        with torch.no_grad():
            for name, weight in self.blocks.named_parameters():
                # a block begins as little more than what goes past it
                weight.mul_(0.2 if name.endswith("second.weight") else 1)
            self.last.weight.mul_(0.1)

    def forward(self, y: Tensor) -> Tensor:
        height, width = y.shape[-2:]
        even = pad(y, (0, width % 2, 0, height % 2), mode="replicate")
        h = self.first(torch.nn.functional.pixel_unshuffle(even, 2))
        h = self.blocks(h)
        noise = torch.nn.functional.pixel_shuffle(self.last(torch.relu(h)), 2)
        return noise[..., :height, :width]

    @property
    def reach(self) -> int:
        """How far a pixel is seen, in pixels."""
        return 2 * (2 * self.depth + 2) + 1


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _convolution(width, width), _convolution(width, width)

    def forward(self, h: Tensor) -> Tensor:
        found: Tensor = h + self.second(torch.relu(self.first(h)))
        return found


def _convolution(wide: int, narrow: int) -> nn.Conv2d:
    return nn.Conv2d(wide, narrow, 3, padding=1, bias=False)


class GradientStepDenoiser(Energy):
    r"""Half the squared length of the noise that a network sees in an image.

    .. math::
        F(y) = \tfrac12 \|r(y)\|^2, \qquad D(y) = y - \nabla F(y) = y - J_r(y)^T r(y)

    What D takes away is the slope of F: denoising is one step down the energy, and F is a prior
    that other terms can be added to. With ``by_gradient`` False the denoiser is y - r(y), that of a
    denoising autoencoder with the same energy, whose field is no slope; training begins there.

    Parameters
    ----------
    network : NoiseNetwork
        r.
    shape : tuple of int, optional
        (height, width, channels) of rows that come flat, (n, d); others come as images
        (n, height, width, channels), of any size.
    by_gradient : bool, default True

    References
    ----------
    Hurault, Leclaire, Papadakis, "Gradient step denoiser for convergent plug-and-play" (2022).

    Examples
    --------
    >>> import torch
    >>> network = NoiseNetwork(1, 8, 1, torch.Generator().manual_seed(0))
    >>> energy = GradientStepDenoiser(network)
    >>> y = torch.rand(2, 6, 7, 1)
    >>> energy(y).shape, energy.reconstruct(y).shape
    (torch.Size([2]), torch.Size([2, 6, 7, 1]))
    """

    def __init__(
        self, network: NoiseNetwork, shape: tuple[int, ...] | None = None, by_gradient: bool = True
    ) -> None:
        super().__init__()
        self.network, self.shape, self.by_gradient = network, shape, by_gradient

    def _noise(self, y: Tensor) -> Tensor:
        """r, (n, c, height, width), of images or flat rows."""
        if y.dim() == 2 and self.shape is not None:
            y = y.reshape(-1, *self.shape)
        if y.dim() != 4:
            raise InputError(
                f"GradientStepDenoiser: y has shape {tuple(y.shape)}; expected images, (n, height, "
                "width, channels)"
            )
        noise: Tensor = self.network(y.permute(0, 3, 1, 2))
        return noise

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        noise = self._noise(y)
        # sums of half precision are no numbers to descend by
        whole = noise.to(torch.promote_types(noise.dtype, torch.float32))
        return 0.5 * whole.flatten(1).square().sum(dim=1)

    def reconstruct(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """D(y), of the shape of y."""
        if not self.by_gradient:
            noise = self._noise(y).permute(0, 2, 3, 1)
            return y - noise.reshape(y.shape).to(y)
        graph = torch.is_grad_enabled()
        with torch.enable_grad():
            at = y if y.requires_grad else y.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self(at).sum(), at, create_graph=graph)
        return y - slope
