"""What could stand where tokens are hidden, all of them together."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from thalweg.core import HIDDEN_TOKEN, InputError
from thalweg.energies import TokenPrediction

BEAMS = 16
"""Fillings that are followed at once"""

CHANGES = 4
"""Other values of a token that are tried when the rest is filled in"""

MOST_ROUNDS = 20


class Fillings(NamedTuple):
    """Fillings of one text, the one of least energy first."""

    tokens: Tensor
    """(k, h), what the h hidden tokens are, in the order of the text"""
    energy: Tensor
    """(k,), of the hidden part given the visible: the sum of -log p(token | all others)"""
    probability: Tensor
    """(k,), of the whole filling: p of one token after the other, each given those before it"""


@torch.no_grad()
def fill(energy: TokenPrediction, y: Tensor, allowed: Tensor, top: int = 5) -> Fillings:
    r"""The fillings of a text's hidden tokens that have the least energy, together.

    .. math::
        E(y_2 \mid y_1) = -\sum_{i \text{ hidden}} \log p(y_i \mid y_{\setminus i})

    One hidden token is looked up. Several are filled in one after the other, the surest first,
    keeping many partial fillings; then single tokens are changed, given all others, for as long as
    that finds less energy. The search starts from the tokens that are likeliest each by itself too,
    so what it finds has no more energy than those.

    Parameters
    ----------
    energy : TokenPrediction
    y : Tensor
        (L,), ``HIDDEN_TOKEN`` where a token is asked for.
    allowed : Tensor
        (h, V), bool: what each hidden token may be.
    top : int, default 5
        How many fillings to give, at most.
    """
    hidden = (y == HIDDEN_TOKEN).nonzero()[:, 0]
    if not len(hidden):
        raise InputError("fill: no token is hidden; expected at least one")
    if len(hidden) == 1:
        likely = _conditional(energy, y[None], hidden)[0].masked_fill(~allowed[0], -torch.inf)
        value, token = likely.topk(min(top, int(allowed[0].sum())))
        return Fillings(token[:, None], -value, value.exp())
    search = _Search(energy, y, hidden, allowed, max(BEAMS, 2 * top))
    found = torch.cat([search.one_after_the_other(), search.each_by_itself()])
    found, cost = search.lowest(torch.unique(found, dim=0))
    return Fillings(found[:top], cost[:top], search.probability(found[:top]))


class _Search:
    """For the lowest fillings (k, h) of h tokens of one text."""

    def __init__(
        self, energy: TokenPrediction, y: Tensor, hidden: Tensor, allowed: Tensor, beams: int
    ) -> None:
        self.energy, self.y, self.hidden, self.allowed = energy, y, hidden, allowed
        self.beams = beams

    def each_by_itself(self) -> Tensor:
        """The likeliest value of every token, given the visible ones alone: (1, h)."""
        blank = torch.full_like(self.hidden, HIDDEN_TOKEN)[None]
        each = [self._likely(blank, place)[0].argmax() for place in range(len(self.hidden))]
        return torch.stack(each)[None]

    def one_after_the_other(self) -> Tensor:
        """Fillings of high probability, the surest token first: (beams, h)."""
        found = torch.full_like(self.hidden, HIDDEN_TOKEN)[None]
        logarithm = torch.zeros(1, dtype=torch.float64, device=self.y.device)
        left = list(range(len(self.hidden)))
        while left:
            options = [self._likely(found, place) for place in left]
            surest = max(range(len(left)), key=lambda i: float(options[i][0].max()))
            place = left.pop(surest)
            both = logarithm[:, None] + options[surest]
            logarithm, best = both.flatten().topk(min(self.beams, int((both > -torch.inf).sum())))
            found = found[best // both.shape[1]]
            found[:, place] = best % both.shape[1]
        return found

    def lowest(self, found: Tensor) -> tuple[Tensor, Tensor]:
        """Change one token at a time for as long as that finds less energy."""
        cost = self._cost(found)
        order = cost.argsort(stable=True)
        found, cost = found[order], cost[order]
        for _ in range(MOST_ROUNDS):
            near = torch.unique(self._changed(found[: self.beams // 2]), dim=0)
            near = near[~(near[:, None] == found).all(dim=2).any(dim=1)]
            if not len(near):
                break
            lowest = cost[0]
            found, cost = torch.cat([found, near]), torch.cat([cost, self._cost(near)])
            order = cost.argsort(stable=True)
            found, cost = found[order], cost[order]
            if not cost[0] < lowest:
                break
        return found, cost

    def probability(self, found: Tensor) -> Tensor:
        """Of fillings, from left to right, each token given those before it: (k,)."""
        logarithm = torch.zeros(len(found), dtype=torch.float64, device=found.device)
        shown = torch.full_like(found, HIDDEN_TOKEN)
        for place in range(found.shape[1]):
            likely = self._likely(shown, place)
            logarithm = logarithm + likely.gather(1, found[:, place, None])[:, 0]
            shown[:, place] = found[:, place]
        return logarithm.exp()

    def _changed(self, found: Tensor) -> Tensor:
        """Each filling with one token as it is likeliest, given all others: (k h CHANGES, h)."""
        result = []
        for place in range(found.shape[1]):
            hidden = found.clone()
            hidden[:, place] = HIDDEN_TOKEN
            count = min(CHANGES, int(self.allowed[place].sum()))
            for token in self._likely(hidden, place).topk(count).indices.T:
                changed = found.clone()
                changed[:, place] = token
                result.append(changed)
        return torch.cat(result)

    def _cost(self, found: Tensor) -> Tensor:
        total = torch.zeros(len(found), dtype=torch.float64, device=found.device)
        for place in range(found.shape[1]):
            hidden = found.clone()
            hidden[:, place] = HIDDEN_TOKEN
            likely = self._likely(hidden, place)
            total = total - likely.gather(1, found[:, place, None])[:, 0]
        return total

    def _likely(self, found: Tensor, place: int) -> Tensor:
        """log p of one hidden token with the others as they are found: (k, V)."""
        rows = self.y.expand(len(found), -1).clone()
        rows[:, self.hidden] = found
        at = self.hidden[place][None]
        return _conditional(self.energy, rows, at).masked_fill(~self.allowed[place], -torch.inf)


def _conditional(energy: TokenPrediction, rows: Tensor, place: Tensor) -> Tensor:
    """log p of the token at one place of each row: (n, V)."""
    asked = torch.zeros_like(rows, dtype=torch.bool)
    asked[:, place] = True
    return energy.conditional(rows, asked).double()
