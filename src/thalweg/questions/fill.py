"""What could stand where tokens are hidden, all of them together."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from thalweg.core import HIDDEN_TOKEN, InputError
from thalweg.energies import TokenPrediction

BEAMS = 16
"""Partial fillings that are followed at once"""


class Fillings(NamedTuple):
    """Fillings of one text, the best first."""

    tokens: Tensor
    """(k, h), what the h hidden tokens are, in the order of the text"""
    energy: Tensor
    """(k,), F of the text that is filled in"""
    probability: Tensor
    """(k,), from left to right: p of each token, given the visible ones and those before"""


@torch.no_grad()
def fill(energy: TokenPrediction, y: Tensor, allowed: Tensor, top: int = 5) -> Fillings:
    r"""The ways to fill in a text's hidden tokens, all of them together.

    .. math::
        \check y_2 = \arg\min_{y_2} F(y_1, y_2)

    One hidden token is looked up: p(token | all others) says it all, and the likeliest come first.
    Several are filled in one after the other, the surest first, keeping many partial fillings; the
    result, and the filling of tokens that are likeliest each by itself, are ranked by the energy of
    the whole text. It has no more energy than those likeliest by themselves, which need not go
    together.

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
    search = _Search(energy, y, hidden, allowed)
    if len(hidden) == 1:
        found = search.one_after_the_other(top)
        return Fillings(found, search.energy_of(found), search.probability(found))
    found = search.one_after_the_other(max(BEAMS, 2 * top))
    found = torch.unique(torch.cat([found, search.each_by_itself()]), dim=0)
    cost = search.energy_of(found)
    order = cost.argsort(stable=True)[:top]
    return Fillings(found[order], cost[order], search.probability(found[order]))


class _Search:
    """For fillings (k, h) of h tokens of one text."""

    def __init__(self, energy: TokenPrediction, y: Tensor, hidden: Tensor, allowed: Tensor) -> None:
        self.energy, self.y, self.hidden, self.allowed = energy, y, hidden, allowed

    def one_after_the_other(self, beams: int) -> Tensor:
        """Fillings of high probability, the surest token first: (beams, h), the likeliest first."""
        found = torch.full_like(self.hidden, HIDDEN_TOKEN)[None]
        logarithm = torch.zeros(1, dtype=torch.float64, device=self.y.device)
        left = list(range(len(self.hidden)))
        while left:
            options = [self._likely(found, place) for place in left]
            surest = max(range(len(left)), key=lambda i: float(options[i][0].max()))
            place = left.pop(surest)
            both = logarithm[:, None] + options[surest]
            logarithm, best = both.flatten().topk(min(beams, int((both > -torch.inf).sum())))
            found = found[best // both.shape[1]]
            found[:, place] = best % both.shape[1]
        return found

    def each_by_itself(self) -> Tensor:
        """The likeliest value of every token, given the visible ones alone: (1, h)."""
        blank = torch.full_like(self.hidden, HIDDEN_TOKEN)[None]
        each = [self._likely(blank, place)[0].argmax() for place in range(len(self.hidden))]
        return torch.stack(each)[None]

    def energy_of(self, found: Tensor) -> Tensor:
        """F of the whole text, filled in: (k,)."""
        return self.energy(self._filled(found))

    def probability(self, found: Tensor) -> Tensor:
        """Of fillings, from left to right, each token given those before it: (k,)."""
        logarithm = torch.zeros(len(found), dtype=torch.float64, device=found.device)
        shown = torch.full_like(found, HIDDEN_TOKEN)
        for place in range(found.shape[1]):
            likely = self._likely(shown, place)
            logarithm = logarithm + likely.gather(1, found[:, place, None])[:, 0]
            shown[:, place] = found[:, place]
        return logarithm.exp()

    def _likely(self, found: Tensor, place: int) -> Tensor:
        """log p of one hidden token with the others as they are found: (k, V)."""
        rows = self._filled(found)
        asked = torch.zeros_like(rows, dtype=torch.bool)
        asked[:, self.hidden[place]] = True
        likely = self.energy.conditional(rows, asked).double()
        return likely.masked_fill(~self.allowed[place], -torch.inf)

    def _filled(self, found: Tensor) -> Tensor:
        rows = self.y.expand(len(found), -1).clone()
        rows[:, self.hidden] = found
        return rows
