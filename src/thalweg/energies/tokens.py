"""How badly each token of a text fits the others."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from thalweg.core import BEYOND_TOKEN, HIDDEN_TOKEN, Energy, visible
from thalweg.data import Marks


class TokenNetwork(nn.Module, ABC):
    """A network that says of tokens which they could be, from the others of their text.

    Texts are rows (n, L) of whole numbers: ids of tokens, ``HIDDEN_TOKEN`` where one is hidden,
    ``BEYOND_TOKEN`` after the last one; the marks of start and end are the network's to add. No
    text sees another.

    Parameters
    ----------
    vocabulary_size : int
        V.
    marks : Marks
        Ids of the tokens that stand for start, end, hidden and padding.
    width : int
        Of what it makes of a text.
    context : int
        Longest text, in tokens, its two marks included.
    """

    at_a_time = 16_384
    """Tokens of the texts that an energy is to ask about in one go"""

    def __init__(self, vocabulary_size: int, marks: Marks, width: int, context: int) -> None:
        super().__init__()
        self.vocabulary_size, self.marks = vocabulary_size, marks
        self.width, self.context = width, context

    @abstractmethod
    def predict(self, y: Tensor, asked: Tensor) -> Tensor:
        """Logits of the m tokens that are asked for (n, L), bool, in the order of rows: (m, V)."""

    @abstractmethod
    def represent(self, y: Tensor) -> Tensor:
        """What it makes of each text inside, averaged over its tokens: (n, width)."""

    def shown(self, y: Tensor) -> Tensor:
        """Ids with the mark of what is hidden, and padding where a text is over."""
        hidden = torch.where(y == HIDDEN_TOKEN, self.marks.hidden, y)
        return torch.where(y == BEYOND_TOKEN, self.marks.padding, hidden)


class TokenPrediction(Energy):
    r"""How unlikely each token of a text is, given all others.

    .. math::
        F(y) = -\sum_{i=1}^{L} \log p(y_i \mid y_{\setminus i}), \qquad
        p(y_i = v \mid \cdot) = \frac{\exp s_v}{\sum_{u=1}^{V} \exp s_u}

    exp(-F) is a pseudo-likelihood. A token is one of V values, so one softmax holds all that could
    stand in a place and how likely each is: nothing is averaged, as the squared error of
    continuous values does. Hidden tokens are shown to nothing and cost nothing; the cost of
    bringing them back is -log p of each, given what is visible.

    Parameters
    ----------
    network : TokenNetwork
        s.
    visible : Tensor, optional
        (n, L), bool: what remains of the rows that are asked about.

    References
    ----------
    Besag (1975), for the pseudo-likelihood; Wang, Cho, "BERT has a mouth, and it must speak"
    (2019); Salazar, Liang, Nguyen, Kirchhoff, "Masked language model scoring" (2020), equation 1.
    """

    space = "token"

    def __init__(self, network: TokenNetwork, visible: Tensor | None = None) -> None:
        super().__init__()
        self.network, self.visible = network, visible

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        y = self._seen(y)
        row, column = visible(y).nonzero(as_tuple=True)
        total: Tensor | None = None
        lengths = (y != BEYOND_TOKEN).sum(dim=1)
        # every token is hidden in a copy of its text; so many copies at a time
        budget = (lengths[row].cumsum(0) // self.network.at_a_time).unique_consecutive(
            return_counts=True
        )[1]
        for rows, columns in zip(
            row.split(budget.tolist()), column.split(budget.tolist()), strict=True
        ):
            copies = y[rows][:, : int(lengths[rows].max())]
            asked = torch.zeros_like(copies, dtype=torch.bool)
            asked[torch.arange(len(rows), device=y.device), columns] = True
            logits = self.network.predict(torch.where(asked, HIDDEN_TOKEN, copies), asked)
            part = _cost_by_row(logits, copies[asked], rows, len(y))
            total = part if total is None else total + part
        return torch.zeros(len(y), device=y.device) if total is None else total

    def restricted(self, visible: Tensor) -> TokenPrediction:
        seen = visible if self.visible is None else self.visible & visible
        return TokenPrediction(self.network, seen)

    def conditional(self, y: Tensor, asked: Tensor) -> Tensor:
        """log p of every value of the m tokens that are asked for, given what y shows: (m, V)."""
        y = self._seen(y)
        # so many rows at a time
        rows = max(1, self.network.at_a_time // (y.shape[1] + 2))
        logits = [
            self.network.predict(some, which)
            for some, which in zip(y.split(rows), asked.split(rows), strict=True)
        ]
        return functional.log_softmax(_precise(torch.cat(logits)), dim=1)

    def recovery_cost(
        self, y: Tensor, spoiled: Tensor, asked: Tensor, x: Tensor | None = None
    ) -> Tensor:
        logits = self.network.predict(self._seen(spoiled), asked)
        return _cost_by_row(logits, y[asked], asked.nonzero(as_tuple=True)[0], len(y))

    def represent(self, y: Tensor) -> Tensor:
        """What the network makes of each text inside: (n, width)."""
        return self.network.represent(self._seen(y))

    def _seen(self, y: Tensor) -> Tensor:
        if self.visible is None:
            return y
        return torch.where(self.visible | (y == BEYOND_TOKEN), y, HIDDEN_TOKEN)


def _precise(logits: Tensor) -> Tensor:
    """In single precision at least, whatever the products were taken in."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _cost_by_row(logits: Tensor, tokens: Tensor, row: Tensor, n: int) -> Tensor:
    """-log p of m tokens, added up for each of n rows: (n,)."""
    cost = functional.cross_entropy(_precise(logits), tokens, reduction="none")
    return cost.new_zeros(n).index_add(0, row, cost)
