"""Networks for images that end in one number."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from thalweg.core import InputError
from thalweg.energies.initial import draw_weights


class ImageNetwork(nn.Module):
    """Convolutions that halve an image twice, then two full layers: from (n, d) to (n, 1).

    Rows are images laid out as (height, width) or (height, width, channels).

    Parameters
    ----------
    shape : tuple of int
        (height, width) or (height, width, channels).
    width : int, default 32
        Channels of the first layer; the others have twice and four times as many.
    generator : torch.Generator, optional
        Of the initial weights.

    Examples
    --------
    >>> import torch
    >>> ImageNetwork((8, 8))(torch.rand(2, 64)).shape
    torch.Size([2, 1])
    """

    def __init__(
        self, shape: tuple[int, ...], width: int = 32, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        if len(shape) not in (2, 3) or min(shape) < 1:
            raise InputError(
                f"ImageNetwork: shape must be (height, width) or (height, width, channels), got "
                f"{tuple(shape)}"
            )
        height, wide, *channels = shape
        self.shape = (height, wide, *(channels or [1]))
        down = -(-height // 2), -(-wide // 2)
        last = -(-down[0] // 2) * -(-down[1] // 2) * 4 * width
        self.layers = nn.Sequential(
            nn.Conv2d(self.shape[2], width, 3, padding=1), nn.SiLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.SiLU(),
            nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1), nn.SiLU(),
            nn.Flatten(), nn.Linear(last, 128), nn.SiLU(), nn.Linear(128, 1),
        )  # fmt: skip
        draw_weights(self.layers, generator)

    def forward(self, y: Tensor) -> Tensor:
        images = y.reshape(-1, *self.shape).permute(0, 3, 1, 2)
        value: Tensor = self.layers(images)
        return value
