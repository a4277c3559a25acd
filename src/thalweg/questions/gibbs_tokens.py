"""Texts drawn token by token."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from thalweg.core import BEYOND_TOKEN, HIDDEN_TOKEN, InputError
from thalweg.data import Vocabulary
from thalweg.energies import TokenPrediction
from thalweg.samplers.noise import gumbel, uniform


@torch.no_grad()
def draw_tokens(
    energy: TokenPrediction,
    y: Tensor,
    allowed: Tensor,
    sweeps: int,
    generator: torch.Generator,
) -> Tensor:
    """Fill in hidden tokens by chance: Gibbs sampling, each from its density given all others.

    In the first sweep tokens that have not been drawn are still hidden; every later one draws each
    of them anew. The order is random, anew in each sweep. The conditionals of a network need not be
    those of one density, so what is drawn after many sweeps is defined by this scheme.

    Parameters
    ----------
    energy : TokenPrediction
    y : Tensor
        (n, L), ``HIDDEN_TOKEN`` where a token is drawn.
    allowed : Tensor
        (L, V), bool: values that may be drawn in each place.
    sweeps : int
        At least 1.
    generator : torch.Generator

    Returns
    -------
    Tensor
        (n, L)

    References
    ----------
    Wang, Cho, "BERT has a mouth, and it must speak" (2019).
    """
    drawn = y == HIDDEN_TOKEN
    y = y.clone()
    count = int(drawn.sum(dim=1).max()) if len(y) else 0
    for _ in range(sweeps):
        key = uniform(torch.empty(y.shape, device=y.device), generator).masked_fill(~drawn, 2)
        order = key.argsort(dim=1)
        for turn in range(count):
            has = turn < drawn.sum(dim=1)
            asked = torch.zeros_like(drawn).scatter(1, order[:, turn, None], has[:, None])
            likely = energy.conditional(torch.where(asked, HIDDEN_TOKEN, y), asked)
            likely = likely.masked_fill(~allowed[asked.nonzero()[:, 1]], -torch.inf)
            _check(likely, asked)
            y[asked] = (likely + gumbel(likely, generator)).argmax(dim=1)
    return y


def _check(likely: Tensor, asked: Tensor) -> None:
    """Every place that is drawn has a token of finite log-probability (m, V)."""
    lost = ~likely.amax(dim=1).isfinite()
    if bool(lost.any()):
        text, place = asked.nonzero()[lost][0].tolist()
        raise InputError(
            f"draw_tokens: no token can be drawn for place {place} of text {text}; expected one or "
            "more that are allowed there, and probabilities that are numbers"
        )


def draw_texts(
    energy: TokenPrediction,
    vocabulary: Vocabulary,
    lengths: Sequence[int],
    sweeps: int,
    generator: torch.Generator,
) -> list[str]:
    """Texts of so many tokens each, all of them drawn (:func:`draw_tokens`)."""
    device = generator.device
    y = torch.full((len(lengths), max(lengths, default=0)), BEYOND_TOKEN)
    for row, length in zip(y, lengths, strict=True):
        row[:length] = HIDDEN_TOKEN
    allowed = torch.from_numpy(~vocabulary.special).expand(y.shape[1], -1)
    drawn = draw_tokens(energy, y.to(device), allowed.to(device), sweeps, generator).cpu()
    return [vocabulary.decode(row[row != BEYOND_TOKEN].tolist()) for row in drawn]


def draw_fillings(
    energy: TokenPrediction,
    vocabulary: Vocabulary,
    text: str,
    n: int,
    sweeps: int,
    generator: torch.Generator,
) -> list[str]:
    """A text n times, its blanks filled in by chance (:func:`draw_tokens`)."""
    device = generator.device
    tokens = torch.from_numpy(vocabulary.encode([text])[0])
    hidden = tokens == HIDDEN_TOKEN
    allowed = torch.from_numpy(~vocabulary.special).repeat(len(tokens), 1)
    allowed[hidden] = torch.from_numpy(vocabulary.may_stand(text))
    y = tokens.expand(n, -1)
    drawn = draw_tokens(energy, y.to(device), allowed.to(device), sweeps, generator).cpu()
    return [vocabulary.fill_in(text, row[hidden].tolist())[0] for row in drawn]
