"""A network from noisy images to images, which is told how much noise there is."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, pixel_shuffle, pixel_unshuffle

from thalweg.core import InputError
from thalweg.energies.initial import draw_weights
from thalweg.energies.silu import silu

WAVES = 8
"""Waves that a level is told by, each in two phases"""

SLOWEST = 0.35
"""Of them, in turns of one radian for each unit of the level"""

TOLD = 64
"""Numbers that the level becomes"""

SMALLEST = 8
"""Squares a side at which images are not halved any more"""


class ConditionalUNet(nn.Module):
    r"""Residual convolutions on squares of 2 x 2 pixels, at two sizes or more, told a level.

    From images (n, channels, height, width) and levels (n, 1) to images. What a level says
    stretches and shifts every channel within a block; at the smallest size the mean over the image
    says so too, and where a square is goes in with it, so that all of an image is seen from
    everywhere. Its nonlinearity is smooth, SiLU, and there is no normalization over images or
    channels, so that its derivative can be trained.

    Parameters
    ----------
    shape : tuple of int
        (height, width, channels).
    width : int, default 48
        Channels at half the size; twice as many at each smaller one, up to four times.
    depth : int, default 2
        Blocks of two convolutions at the smallest size; half as many on the way there and back.
    generator : torch.Generator, optional
        Of the initial weights.

    References
    ----------
    Ronneberger, Fischer, Brox, "U-Net" (2015); Perez, Strub, de Vries, Dumoulin, Courville, "FiLM:
    visual reasoning with a general conditioning layer" (2018), for the levels.

    Examples
    --------
    >>> import torch
    >>> network = ConditionalUNet((9, 12, 1), width=4)
    >>> network(torch.rand(2, 1, 9, 12), torch.zeros(2, 1)).shape
    torch.Size([2, 1, 9, 12])
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        width: int = 48,
        depth: int = 2,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if len(shape) != 3 or min(shape) < 1 or min(width, depth) < 1:
            raise InputError(
                f"ConditionalUNet: shape is {shape}, width {width}, depth {depth}; expected "
                "(height, width, channels), all at least 1"
            )
        self.shape, channels = shape, shape[2]
        halved = max(1, math.ceil(math.log2(max(shape[:2]) / 2 / SMALLEST)))
        wide = [width * min(2**i, 4) for i in range(halved + 1)]
        beside = max(1, depth // 2)
        self.told = nn.Sequential(nn.Linear(2 * WAVES, TOLD), nn.SiLU(), nn.Linear(TOLD, TOLD))
        self.enter = nn.Conv2d(4 * channels + 2, width, 3, padding=1)
        self.before = nn.ModuleList(_blocks(each, beside) for each in wide[:-1])
        self.down = nn.ModuleList(
            nn.Conv2d(here, there, 2, stride=2) for here, there in itertools.pairwise(wide)
        )
        self.middle = _blocks(wide[-1], depth)
        self.whole = nn.ModuleList(nn.Linear(wide[-1], TOLD) for _ in range(depth))
        self.up = nn.ModuleList(
            nn.Conv2d(there, 4 * here, 1) for here, there in itertools.pairwise(wide)
        )
        self.after = nn.ModuleList(_blocks(each, beside) for each in wide[:-1])
        self.leave = nn.Conv2d(width, 4 * channels, 3, padding=1)
        self.alone = nn.Linear(TOLD, 1)
        self.register_buffer("waves", SLOWEST * torch.arange(1, WAVES + 1.0), persistent=False)
        draw_weights(self, generator, gain=1.3)
        with torch.no_grad():
            for name, weight in self.named_parameters():
                # blocks begin as little more than what goes past them, and the whole as little
                if name.endswith(("second.weight", "told.weight")) or name.startswith("whole"):
                    weight.mul_(0.2)
            self.leave.weight.mul_(0.1)
            self.alone.weight.zero_()

    waves: Tensor

    def forward(self, y: Tensor, level: Tensor) -> Tensor:
        height, width = y.shape[-2:]
        told = self._told(level)
        # squares, and squares of squares, are whole ones
        unit = 2 ** (len(self.down) + 1)
        whole = pad(y, (0, -width % unit, 0, -height % unit), mode="replicate")
        squares = pixel_unshuffle(whole, 2)
        rows, columns = (
            torch.linspace(-1, 1, extent, dtype=y.dtype, device=y.device)
            for extent in squares.shape[2:]
        )
        place = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
        h = self.enter(torch.cat([squares, place.expand(y.shape[0], -1, -1, -1)], dim=1))
        past = []
        for blocks, down in zip(self.before, self.down, strict=True):
            h = _through(blocks, h, told)
            past.append(h)
            h = down(h)
        for block, look in zip(self.middle, self.whole, strict=True):
            # bounded: what a mean says of what it is a mean of must not grow by itself
            h = block(h, told + look(torch.tanh(h.mean(dim=(2, 3)))))
        for up, blocks in zip(reversed(self.up), reversed(self.after), strict=True):
            h = _through(blocks, pixel_shuffle(up(silu(h)), 2) + past.pop(), told)
        made: Tensor = pixel_shuffle(self.leave(silu(h)), 2)
        return made[..., :height, :width]

    def offset(self, level: Tensor) -> Tensor:
        """A number for each level, whatever the image: (n, 1)."""
        found: Tensor = self.alone(self._told(level))
        return found

    def _told(self, level: Tensor) -> Tensor:
        turns = level * self.waves
        return silu(self.told(torch.cat([turns.sin(), turns.cos()], dim=1)))


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.told = nn.Linear(TOLD, 2 * width)

    def forward(self, h: Tensor, told: Tensor) -> Tensor:
        stretch, shift = self.told(told)[..., None, None].chunk(2, dim=1)
        inside = self.first(silu(h)) * (1 + torch.tanh(stretch)) + shift
        found: Tensor = h + self.second(silu(inside))
        return found


def _blocks(width: int, depth: int) -> nn.ModuleList:
    return nn.ModuleList(_Block(width) for _ in range(depth))


def _through(blocks: nn.Module, h: Tensor, told: Tensor) -> Tensor:
    assert isinstance(blocks, nn.ModuleList)
    for block in blocks:
        h = block(h, told)
    return h
