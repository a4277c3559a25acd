"""Networks that tell whole images from parts of them, and what stands for an image inside."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from thalweg.core import InputError
from thalweg.energies.initial import draw_weights


class Inpainter(nn.Module, ABC):
    """A network from what is seen of images to whole ones.

    It is shown (n, 2 d): the entries (0 where hidden) and whether they are seen. Rows are images
    laid out as (height, width, channels).

    Parameters
    ----------
    shape : tuple of int
        (height, width, channels).
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        if len(shape) != 3 or min(shape) < 1:
            raise InputError(
                f"{type(self).__name__}: shape must be (height, width, channels), got {shape}"
            )
        self.shape = shape

    @abstractmethod
    def forward(self, shown: Tensor) -> Tensor:
        """Every entry: (n, d)."""

    @abstractmethod
    def represent(self, shown: Tensor) -> Tensor:
        """What stands for each image: (n, k)."""

    def represent_layers(self, shown: Tensor) -> Tensor:
        """What every layer has to say of each image: (n, k); here :meth:`represent`."""
        return self.represent(shown)

    def represent_whole(self, y: Tensor) -> Tensor:
        """:meth:`represent` of images (n, d) with NaN where they are hidden."""
        return self.represent(self.shown(y))

    @staticmethod
    def shown(y: Tensor) -> Tensor:
        """Images (n, d) with NaN where they are hidden, as the network takes them: (n, 2 d)."""
        seen = ~y.isnan()
        return torch.cat([torch.where(seen, y, 0), seen.to(y)], dim=1)

    def planes(self, shown: Tensor) -> Tensor:
        """Entries and masks as channels: (n, 2 channels, height, width)."""
        height, width, channels = self.shape
        both = shown.reshape(-1, 2, height, width, channels).permute(0, 1, 4, 2, 3)
        return both.reshape(-1, 2 * channels, height, width)

    def flat(self, planes: Tensor) -> Tensor:
        """Channels (n, channels, height, width) as rows (n, d)."""
        return planes.permute(0, 2, 3, 1).flatten(1)


class ConvolutionalInpainter(Inpainter):
    """Convolutions that halve the image twice and bring it back, with what each size saw beside.

    Parameters
    ----------
    shape : tuple of int
        (height, width, channels).
    width : int, default 32
        Channels of the first layer; the others have twice and four times as many.
    depth : int, default 2
        Residual convolutions at the smallest size, each seeing twice as far as the one before.
    grid : int, default 3
        The representation is the smallest layer averaged over so many parts a side.
    generator : torch.Generator, optional
        Of the initial weights.

    Examples
    --------
    >>> import torch
    >>> net = ConvolutionalInpainter((10, 12, 1), width=8)
    >>> shown = torch.rand(2, 240)
    >>> net(shown).shape, net.represent(shown).shape
    (torch.Size([2, 120]), torch.Size([2, 288]))

    References
    ----------
    Ronneberger, Fischer, Brox, "U-Net" (2015), for the shape; Pathak et al., "Context encoders"
    (2016), for the use.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        width: int = 32,
        depth: int = 2,
        grid: int = 3,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(shape)
        channels, self.grid = shape[2], grid
        self.enter = nn.Conv2d(2 * channels, width, 3, padding=1)
        self.down = nn.ModuleList(
            [
                nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
                nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1),
            ]
        )
        self.middle = nn.ModuleList(
            nn.Conv2d(4 * width, 4 * width, 3, padding=2**i, dilation=2**i) for i in range(depth)
        )
        self.up = nn.ModuleList(
            [
                nn.Conv2d(6 * width, 2 * width, 3, padding=1),
                nn.Conv2d(3 * width, width, 3, padding=1),
            ]
        )
        self.leave = nn.Conv2d(width, channels, 3, padding=1)
        draw_weights(self, generator)

    def _encode(self, shown: Tensor) -> list[Tensor]:
        """Each size, the smallest last."""
        found = self._layers(shown)
        sizes = 1 + len(self.down)
        return [*found[: sizes - 1], found[-1]]

    def _layers(self, shown: Tensor) -> list[Tensor]:
        """Each layer on the way down: one of every size, then those at the smallest."""
        found = [functional.silu(self.enter(self.planes(shown)))]
        for layer in self.down:
            found.append(functional.silu(layer(found[-1])))
        for layer in self.middle:
            found.append(found[-1] + functional.silu(layer(found[-1])))
        return found

    def forward(self, shown: Tensor) -> Tensor:
        *beside, at = self._encode(shown)
        for layer, other in zip(self.up, reversed(beside), strict=True):
            at = functional.interpolate(at, size=other.shape[2:])
            at = functional.silu(layer(torch.cat([at, other], dim=1)))
        return self.flat(self.leave(at))

    def represent(self, shown: Tensor) -> Tensor:
        return functional.adaptive_avg_pool2d(self._encode(shown)[-1], self.grid).flatten(1)

    def represent_layers(self, shown: Tensor) -> Tensor:
        """Every layer on the way down, each place normalized, averaged over the same parts."""
        parts = []
        for each in self._layers(shown):
            # what the last layer is for is not what tells classes apart
            places = functional.layer_norm(each.permute(0, 2, 3, 1), each.shape[1:2])
            pooled = functional.adaptive_avg_pool2d(places.permute(0, 3, 1, 2), self.grid)
            parts.append(pooled.flatten(1))
        return torch.cat(parts, dim=1)


class Encoding(nn.Module):
    """The representation of images in their own units: from rows (n, d) to (n, k).

    Parameters
    ----------
    network : Inpainter
    shift, scale : Tensor
        Units of the pixels, (d,).
    layers : bool, default False
        Whether every layer is part of it.
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self, network: Inpainter, shift: Tensor, scale: Tensor, layers: bool = False
    ) -> None:
        super().__init__()
        self.network, self.layers = network, layers
        self.register_buffer("shift", shift)
        self.register_buffer("scale", scale)

    def forward(self, y: Tensor) -> Tensor:
        shown = self.network.shown((y - self.shift) / self.scale)
        network = self.network
        return network.represent_layers(shown) if self.layers else network.represent(shown)
