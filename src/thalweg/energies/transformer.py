"""A small vision transformer that is shown some patches of an image."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from thalweg.core import InputError, all_known, values_known
from thalweg.energies.initial import draw_weights
from thalweg.energies.inpainting import Inpainter


class PatchTransformer(Inpainter):
    """A transformer over the patches that show something, and a light one that fills in the rest.

    Parameters
    ----------
    shape : tuple of int
        (height, width, channels).
    patch : int, default 4
        Side of a patch, in pixels; the image is padded with hidden ones where it does not fit.
    width : int, default 96
        Size of a token, a multiple of ``heads``; the decoder's are half as large.
    depth : int, default 4
        Blocks of the encoder.
    heads : int, default 4
    decoder_depth : int, default 1
    grid : int, default 3
        The representation is the tokens after every block but the first, averaged over so many
        parts of the image a side.
    generator : torch.Generator, optional
        Of the initial weights.

    Examples
    --------
    >>> import torch
    >>> net = PatchTransformer((10, 12, 1), width=16, depth=1)
    >>> shown = torch.rand(2, 240)
    >>> net(shown).shape, net.represent(shown).shape
    (torch.Size([2, 120]), torch.Size([2, 144]))

    References
    ----------
    Dosovitskiy et al., "An image is worth 16x16 words" (2021); He et al., "Masked autoencoders are
    scalable vision learners" (2022).
    """

    where: Tensor
    where_decoder: Tensor

    def __init__(
        self,
        shape: tuple[int, int, int],
        patch: int = 4,
        width: int = 96,
        depth: int = 4,
        heads: int = 4,
        decoder_depth: int = 1,
        grid: int = 3,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(shape)
        if width % (4 * heads):
            raise InputError(
                f"PatchTransformer: width must be a multiple of 4 heads, {4 * heads}, got {width}"
            )
        height, wide, channels = shape
        self.patch, self.grid = patch, grid
        self.rows, self.columns = -(-height // patch), -(-wide // patch)
        inner = width // 2
        self.enter = nn.Linear(2 * channels * patch**2, width)
        self.encoder = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.between = nn.Linear(width, inner)
        self.unknown = nn.Parameter(torch.zeros(inner))
        self.decoder = nn.ModuleList(Block(inner, heads) for _ in range(decoder_depth))
        self.leave = nn.Sequential(nn.LayerNorm(inner), nn.Linear(inner, channels * patch**2))
        self.register_buffer("where", _places(self.rows, self.columns, width), persistent=False)
        self.register_buffer(
            "where_decoder", _places(self.rows, self.columns, inner), persistent=False
        )
        draw_weights(self, generator)

    def forward(self, shown: Tensor) -> Tensor:
        known, place, after = self._encode(shown)
        tokens = self.between(self.norm(after[-1]))
        spread = self.unknown.expand(shown.shape[0], self.rows * self.columns, -1)
        spread = torch.where(
            known[..., None],
            spread.scatter(1, place[..., None].expand_as(tokens), tokens),
            spread,
        )
        spread = spread + self.where_decoder
        for block in self.decoder:
            spread = block(spread, None)
        return self.flat(self._joined(self.leave(spread)))

    def represent(self, shown: Tensor) -> Tensor:
        known, place, after = self._encode(shown)
        # what predicts best is deep, what tells classes apart not only there
        at = torch.cat([functional.layer_norm(each, each.shape[2:]) for each in after], dim=2)
        whole = at.new_zeros(shown.shape[0], known.shape[1], at.shape[2])
        whole = whole.scatter(1, place[..., None].expand_as(at), at)
        whole = torch.where(known[..., None], whole, 0)
        both = torch.cat([whole, known[..., None].to(whole)], dim=2).transpose(1, 2)
        pooled = functional.adaptive_avg_pool2d(
            both.reshape(shown.shape[0], -1, self.rows, self.columns), self.grid
        )
        # of what is seen alone
        return (pooled[:, :-1] / pooled[:, -1:].clamp_min(1e-6)).flatten(1)

    def _encode(self, shown: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Which patches show something (n, t), where they are, and tokens after each block.

        Rows that show fewer than others are filled up with patches that are hidden, which no other
        token looks at.
        """
        patches = self._patches(shown)
        channels = patches.shape[2] // 2
        known = (patches[..., channels:] > 0).any(dim=2)
        if values_known(known):
            most = max(1, int(known.sum(dim=1).max()))
            place = (~known).to(torch.uint8).argsort(dim=1, stable=True)[:, :most]
        else:
            place = torch.arange(known.shape[1], device=known.device).expand(known.shape)
        seen = known.gather(1, place)
        chosen = patches.gather(1, place[..., None].expand(-1, -1, patches.shape[2]))
        at = self.enter(chosen) + self.where[place]
        looks = None if all_known(seen) else seen[:, None, None]
        after = []
        for block in self.encoder:
            at = block(at, looks)
            after.append(at)
        return known, place, after[1:] or after or [at]

    def _patches(self, shown: Tensor) -> Tensor:
        """Entries, then masks, of each patch: (n, patches, 2 channels patch^2)."""
        height, width, _ = self.shape
        p = self.patch
        planes = self.planes(shown)
        right, below = self.columns * p - width, self.rows * p - height
        if right or below:
            planes = functional.pad(planes, (0, right, 0, below))
        split = planes.reshape(planes.shape[0], -1, self.rows, p, self.columns, p)
        return split.permute(0, 2, 4, 1, 3, 5).reshape(
            planes.shape[0], self.rows * self.columns, -1
        )

    def _joined(self, patches: Tensor) -> Tensor:
        """Planes (n, channels, height, width) of patches (n, patches, channels patch^2)."""
        height, width, channels = self.shape
        p = self.patch
        split = patches.reshape(-1, self.rows, self.columns, channels, p, p)
        planes = split.permute(0, 3, 1, 4, 2, 5).reshape(
            -1, channels, self.rows * p, self.columns * p
        )
        return planes[:, :, :height, :width]


class Block(nn.Module):
    """Attention and a two-layer network, each added to what comes in, normalized before."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_layers = nn.LayerNorm(width), nn.LayerNorm(width)
        self.joint, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.layers = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, at: Tensor, looks: Tensor | None) -> Tensor:
        n, t, width = at.shape
        joint = self.joint(self.before_attention(at)).reshape(n, t, 3, self.heads, -1)
        query, key, value = joint.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=looks)
        at = at + self.out(mixed.transpose(1, 2).reshape(n, t, width))
        result: Tensor = at + self.layers(self.before_layers(at))
        return result


def _places(rows: int, columns: int, width: int) -> Tensor:
    """Sines and cosines of where each patch is: (rows * columns, width)."""
    quarter = width // 4
    turns = torch.linspace(0, 1, quarter)

    def waves(extent: int) -> Tensor:
        # from half a turn over the whole image to half a turn from one patch to the next
        rate = math.pi * (1 / extent) ** (1 - turns)
        return torch.arange(extent)[:, None] * rate

    row, column = waves(rows), waves(columns)
    along = torch.cat([row.sin(), row.cos()], dim=1)[:, None].expand(rows, columns, -1)
    across = torch.cat([column.sin(), column.cos()], dim=1)[None].expand(rows, columns, -1)
    places = torch.cat([along, across], dim=2).reshape(rows * columns, 4 * quarter)
    return functional.pad(places, (0, width - 4 * quarter))
