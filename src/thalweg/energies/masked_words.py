"""How badly each number and each word of a row fits what the others say of it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from thalweg.core import Indicators, Layout
from thalweg.energies.masked import MaskedPrediction
from thalweg.energies.word_probabilities import WordProbabilities


class MaskedWordPrediction(MaskedPrediction):
    r"""The cost of each number and each word of a row, predicted from all other parts.

    .. math::
        F(y) = \sum_j \frac{\left( y_j - r_j(y_{\setminus S(j)}) \right)^2}{2 \sigma_j^2}
        - \sum_j \log p_j\bigl(c_j \mid y_{\setminus S(j)}\bigr)

    The entries of a word are always of one set S: they would tell one another.

    Parameters
    ----------
    network : Module
        r, as for :class:`MaskedPrediction`; p is what ``words`` make of its predictions.
    words : WordProbabilities
        Best :class:`WordLogits`.
    parts : int or Tensor, default 16
        Sets of the partition, fewer where there are fewer numbers and words; those are dealt out to
        the sets in turn. A tensor (d,) says of each entry which set it is in, counted from 0.
    visible : Tensor, optional
        (n, d), bool.
    """

    _numbers: Tensor

    def __init__(
        self,
        network: nn.Module,
        words: WordProbabilities,
        parts: int | Tensor = 16,
        visible: Tensor | None = None,
    ) -> None:
        layout = words.layout
        part = dealt_out(layout, parts) if isinstance(parts, int) else parts
        super().__init__(network, layout.width, part, visible)
        self.words = words
        at = torch.tensor(layout.numbers, dtype=torch.long)
        self.register_buffer("_numbers", at, persistent=False)

    @property
    def indicators(self) -> Indicators:
        return self.words.indicators

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        known, at, predicted = self._known(y), self._numbers, self.from_others(y)
        error = torch.where(known, torch.where(known, y, 0) - predicted, 0)[:, at]
        squares = 0.5 * (error / self.sigma[at]).square().sum(dim=1)
        return squares + self._surprise(y, known, predicted)

    def _surprise(self, y: Tensor, known: Tensor, predicted: Tensor) -> Tensor:
        """-log p of the words that are known, all together: (n,)."""
        return -(self.words.shown(y, known)[0] * self.words.log_p(predicted)).sum(dim=1)

    def recovery_cost(
        self, y: Tensor, spoiled: Tensor, asked: Tensor, x: Tensor | None = None
    ) -> Tensor:
        """Squared errors of numbers, and -2 log p of words: twice the nats of a noise of 1."""
        predicted, at = super().reconstruct(spoiled, x), self._numbers
        error = torch.where(asked, predicted - torch.where(asked, y, 0), 0)[:, at]
        return error.square().sum(dim=1) + 2 * self._surprise(y, asked, predicted)

    @property
    def cells(self) -> Tensor:
        return cells_of(self.words.layout)

    def _drawn(self, predicted: Tensor, generator: torch.Generator) -> Tensor:
        drawn = super()._drawn(predicted, generator)
        log_p = self.words.log_p(predicted)
        ones = torch.ones(len(self.words.sizes))
        return self.words.placed(drawn, self.words.draw(log_p, ones, generator))

    @torch.no_grad()
    def learn_sigma(self, batches: Iterable[Tensor], least: float = 1e-3) -> None:
        super().learn_sigma(batches, least)
        self.sigma = torch.where(self.indicators.mask, 1, self.sigma)

    def restricted(self, visible: Tensor) -> MaskedWordPrediction:
        seen = visible if self.visible is None else self.visible & visible
        view = MaskedWordPrediction(self.network, self.words, self.part, seen).to(self.sigma.device)
        view.sigma = self.sigma
        return view

    def reconstruct(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return self.words.settled(super().reconstruct(y, x))

    def fillings(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return self.words.settled(super().fillings(y, x))

    def expect(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        predicted = super().expect(y, x)
        return self.words.placed(predicted, self.words.log_p(predicted).exp())


def dealt_out(layout: Layout, parts: int) -> Tensor:
    """Which set each entry is in, numbers and words being dealt out in turn: (d,)."""
    cells = cells_of(layout)
    return cells % min(parts, int(cells.max()) + 1)


def cells_of(layout: Layout) -> Tensor:
    """Entries (d,) of one number or word have the same whole number, counted from 0 in order."""
    begins = torch.ones(layout.width, dtype=torch.long)
    for start, stop in layout.words:
        begins[start + 1 : stop] = 0
    return begins.cumsum(dim=0) - 1
