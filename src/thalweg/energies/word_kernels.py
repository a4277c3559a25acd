"""Kernels of words: a row has its own word, or any as often as it is usual."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Layout

SMOOTHING = 0.1
"""How often any word stands in place of a row's own, where that is not found out"""


class WordKernels:
    r"""Of m rows with words, the probability of each word under each row's kernel.

    .. math::
        P_z(c) = (1 - \lambda) \, [c = c_z] + \lambda \, p(c)

    with p how usual a word is in its column. What a row hides is as its column is: p.

    Parameters
    ----------
    layout : Layout
    rows : Tensor
        (m, width), indicators among its entries.
    shown : Tensor
        (m, width), bool.
    smoothing : Tensor or float
        (), lambda, above 0 and at most 1.

    References
    ----------
    Aitchison and Aitken, "Multivariate binary discrimination by the kernel method" (1976).
    """

    def __init__(
        self, layout: Layout, rows: Tensor, shown: Tensor, smoothing: Tensor | float
    ) -> None:
        self.layout, self.rows, self.shown = layout, rows.double() * shown, shown
        self.smoothing = smoothing

    def energies(self, y: Tensor, visible: Tensor) -> Tensor:
        """-log P of the visible words of rows y (n, width) under each kernel: (n, m)."""
        total = y.new_zeros(len(y), len(self.rows), dtype=torch.float64)
        y = torch.where(visible, y, 0).double()
        for start, stop in self.layout.words:
            here, own = y[:, start:stop], self.rows[:, start:stop]
            usual = (here @ self._usual(start, stop))[:, None]
            same = here @ own.T
            mixed = (1 - self.smoothing) * same + self.smoothing * usual
            p = torch.where(self.shown[:, start], mixed, usual)
            total = total - torch.where(visible[:, start, None], p, 1).log()
        return total

    def means(self) -> Tensor:
        """P of every word of each row's kernel, in place of the indicators: (m, width)."""
        result = self.rows.clone()
        for start, stop in self.layout.words:
            usual = self._usual(start, stop)
            mixed = (1 - self.smoothing) * self.rows[:, start:stop] + self.smoothing * usual
            result[:, start:stop] = torch.where(self.shown[:, start, None], mixed, usual)
        return result

    def draw(self, means: Tensor, generator: torch.Generator) -> Tensor:
        """Indicators of words drawn by the means (n, width) of some kernels: (n, width)."""
        result = torch.zeros_like(means)
        for start, stop in self.layout.words:
            share = means[:, start:stop].to(generator.device)
            word = torch.multinomial(share, 1, generator=generator).to(means.device)
            result[:, start:stop] = torch.zeros_like(means[:, start:stop]).scatter(1, word, 1)
        return result

    def _usual(self, start: int, stop: int) -> Tensor:
        """How usual each word of a column is, one that was never seen half a time: (words,)."""
        count = self.rows[:, start:stop].sum(dim=0) + 0.5
        return count / count.sum()
