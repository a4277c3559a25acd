"""A transformer encoder for texts, without padding."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from thalweg.core import BEYOND_TOKEN, InputError
from thalweg.data import Marks
from thalweg.energies.packing import Group, Packed, pack
from thalweg.energies.tokens import TokenNetwork

LEAST_ROW = 64
"""Places a row, at least: shorter ones save attention and cost more of everything else"""

WAVELENGTH = 10_000.0
"""Of the slowest rotation, in places over 2 pi"""


class TextTransformer(TokenNetwork):
    r"""A transformer over tokens that all see each other, of the architecture of ModernBERT.

    Norms stand before attention and before the gated units (nothing has an offset but the last
    product), positions are rotations of queries and keys, the embedding of tokens is also the last
    product. Texts are laid side by side and do not see each other, so nothing is computed for
    padding, and the last product is taken for those tokens alone that are asked for.

    Parameters
    ----------
    vocabulary_size : int
    marks : Marks
        Ids of the tokens that stand for start, end, hidden and padding.
    width : int, default 256
        Size of a token inside, a multiple of ``2 * heads``.
    layers : int, default 4
    heads : int, optional
        One for every 64 of the width.
    hidden : int, optional
        Gated units; two and a half times the width, to a multiple of 64.
    context : int, default 512
        Longest text, in tokens, its two marks included.
    generator : torch.Generator, optional
        Of the initial weights.

    References
    ----------
    Warner et al., "Smarter, better, faster, longer: a modern bidirectional encoder" (2024); Devlin,
    Chang, Lee, Toutanova, "BERT" (2019); Su et al., "RoFormer" (2021), for the rotations; Shazeer,
    "GLU variants improve transformer" (2020); Xiong et al., "On layer normalization in the
    transformer architecture" (2020).
    """

    turn: Tensor

    def __init__(
        self,
        vocabulary_size: int,
        marks: Marks,
        width: int = 256,
        layers: int = 4,
        heads: int | None = None,
        hidden: int | None = None,
        context: int = 512,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(vocabulary_size, marks, width, context)
        heads = heads_of(width, heads, "TextTransformer")
        hidden = 64 * max(1, round(2.5 * width / 64)) if hidden is None else hidden
        self.heads = heads
        self.embedding = nn.Embedding(vocabulary_size, width)
        self.enter = nn.LayerNorm(width, bias=False)
        self.blocks = nn.ModuleList(
            TextBlock(width, heads, hidden, normed=i > 0) for i in range(layers)
        )
        self.norm = nn.LayerNorm(width, bias=False)
        self.head = nn.Sequential(
            nn.Linear(width, width, bias=False), nn.GELU(), nn.LayerNorm(width, bias=False)
        )
        self.offset = nn.Parameter(torch.zeros(vocabulary_size))
        self.register_buffer("turn", _rotations(context, width // heads), persistent=False)
        self._draw(generator)

    def predict(self, y: Tensor, asked: Tensor) -> Tensor:
        packed, inside = self._encode(y)
        row, column = asked.nonzero(as_tuple=True)
        at = inside[packed.first[row] + 1 + column]
        return functional.linear(self.head(at), self.embedding.weight, self.offset)

    def represent(self, y: Tensor) -> Tensor:
        packed, inside = self._encode(y)
        kept = packed.text >= 0
        total = inside.new_zeros(len(y), inside.shape[1])
        total = total.index_add(0, packed.text[kept], inside[kept])
        return total / packed.text[kept].bincount(minlength=len(y))[:, None]

    def _encode(self, y: Tensor) -> tuple[Packed, Tensor]:
        there = y != BEYOND_TOKEN
        lengths = there.sum(dim=1)
        packed = pack(lengths.cpu().numpy() + 2, LEAST_ROW, y.device)
        tokens = torch.full_like(packed.text, self.marks.padding)
        tokens[packed.first] = self.marks.start
        tokens[packed.first + 1 + lengths] = self.marks.end
        row, column = there.nonzero(as_tuple=True)
        tokens[packed.first[row] + 1 + column] = self.shown(y[row, column])
        turn = self.turn[packed.position]
        inside = self.enter(self.embedding(tokens))
        for block in self.blocks:
            inside = block(inside, turn, packed.groups)
        return packed, self.norm(inside)

    @torch.no_grad()
    def _draw(self, generator: torch.Generator | None) -> None:
        """As Warner et al.: products that lead back into the stream begin smaller with depth."""
        deep = 0.02 / math.sqrt(2 * max(1, len(self.blocks)))
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                back = name.endswith(("leave.weight", "down.weight")) or name.startswith("head")
                spread = deep if back else 0.02
                nn.init.trunc_normal_(
                    weight, 0, spread, -2 * spread, 2 * spread, generator=generator
                )


def heads_of(width: int, heads: int | None, owner: str) -> int:
    """One for every 64 of the width, where nobody says; the owner is named if they do not fit."""
    heads = max(1, width // 64) if heads is None else heads
    if width % (2 * heads):
        raise InputError(f"{owner}: width must be a multiple of 2 heads, {2 * heads}, got {width}")
    return heads


class TextBlock(nn.Module):
    """Attention within each text, then gated units, each added to the stream."""

    def __init__(self, width: int, heads: int, hidden: int, normed: bool) -> None:
        super().__init__()
        self.heads = heads
        # what comes from the embedding is normed already
        self.before: nn.Module = nn.LayerNorm(width, bias=False) if normed else nn.Identity()
        self.enter = nn.Linear(width, 3 * width, bias=False)
        self.leave = nn.Linear(width, width, bias=False)
        self.between = nn.LayerNorm(width, bias=False)
        self.up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, stream: Tensor, turn: Tensor, groups: tuple[Group, ...]) -> Tensor:
        stream = stream + self.leave(self._attend(self.enter(self.before(stream)), turn, groups))
        value, gate = self.up(self.between(stream)).chunk(2, dim=1)
        return stream + self.down(functional.gelu(value) * gate)

    def _attend(self, mixed: Tensor, turn: Tensor, groups: tuple[Group, ...]) -> Tensor:
        parts = mixed.unflatten(1, (3, self.heads, -1))
        query_key = _turned(parts[:, :2], turn)
        result = []
        for group in groups:
            span = slice(group.start, group.start + group.rows * group.length)
            laid = (group.rows, group.length)
            query, key = query_key[span].unflatten(0, laid).permute(2, 0, 3, 1, 4)
            value = parts[span, 2].unflatten(0, laid).transpose(1, 2)
            seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=group.mask)
            result.append(seen.transpose(1, 2).flatten(2).flatten(0, 1))
        return result[0] if len(result) == 1 else torch.cat(result)


def _rotations(length: int, size: int) -> Tensor:
    """Cosines and sines of every position: (length, 2, size)."""
    rate = WAVELENGTH ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angle = torch.arange(length)[:, None] * rate
    angle = torch.cat([angle, angle], dim=1)
    return torch.stack([angle.cos(), angle.sin()], dim=1).float()


def _turned(parts: Tensor, turn: Tensor) -> Tensor:
    """Each half of a head's numbers turned against the other: (T, 2, heads, size)."""
    cos, sin = turn[:, 0, None, None].to(parts.dtype), turn[:, 1, None, None].to(parts.dtype)
    low, high = parts.chunk(2, dim=-1)
    return parts * cos + torch.cat([-high, low], dim=-1) * sin
