"""Down the energy of rows that have words: numbers by gradients, words by trying each."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Energy, Indicators
from thalweg.questions.descent import descend_any, descend_apart

SWEEPS = 3
"""Times that all words are tried, and numbers brought down, at most."""


def descend_whole(
    energy: Energy, y: Tensor, x: Tensor | None = None, free: Tensor | None = None
) -> Tensor:
    """Down the energy of rows of any kind, words as whole ones, bits as bits."""
    down = descend_any if energy.indicators is None else descend_words
    return down(energy, y, x, free)


def descend_words(
    energy: Energy, y: Tensor, x: Tensor | None = None, free: Tensor | None = None
) -> Tensor:
    """Numbers down the gradient and words to the one of least energy, by turns.

    Parameters
    ----------
    energy : Energy
        One with ``indicators``.
    y : Tensor
        (n, d), where to start, each word exactly one.
    x : Tensor, optional
        What is given.
    free : Tensor, optional
        (n, d), bool: the entries that may change; all by default. A word changes where its whole
        block may.

    Returns
    -------
    Tensor
        (n, d): the energy of no row has risen, and each word is exactly one.
    """
    words = energy.indicators
    assert words is not None
    free = torch.ones_like(y, dtype=torch.bool) if free is None else free
    numbers = free & ~words.mask
    rows = torch.arange(len(y), device=y.device)
    y = y.clone()
    for _ in range(SWEEPS):
        part, given = y[rows], None if x is None else x[rows]
        if bool(numbers[rows].any()):
            part = descend_apart(energy, part, given, numbers[rows])
        tried = _best_words(energy, words, part, given, free[rows])
        y[rows] = tried
        rows = rows[(tried != part).any(dim=1)]
        if len(rows) == 0:
            break
    return y


def _best_words(
    energy: Energy, words: Indicators, y: Tensor, x: Tensor | None, free: Tensor
) -> Tensor:
    """Rows with each of their words in turn changed to the one of least energy."""
    y = y.clone()
    for start, stop in words.blocks:
        rows = free[:, start:stop].all(dim=1).nonzero()[:, 0]
        part, given = y[rows], None if x is None else x[rows]
        best, lowest = part, energy(part, given) if len(rows) else part[:, 0]
        for word in range(stop - start if len(rows) else 0):
            tried = part.clone()
            which = torch.full((len(rows),), word, device=y.device)
            tried[:, start:stop] = words.of((start, stop), which).to(y)
            value = energy(tried, given)
            # "not below" keeps a word that an equal one would replace
            better = value < lowest
            best = torch.where(better[:, None], tried, best)
            lowest = torch.where(better, value, lowest)
        y[rows] = best
    return y
