"""What is hidden of a text: whole words, runs of them; and tokens that only look like the text."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import InputError, visible
from thalweg.pretext.base import Corrupted, Corruption, Hiding
from thalweg.pretext.noise import checked_fraction
from thalweg.samplers.noise import uniform


class MaskedWords(Hiding):
    """A share of each text's tokens, in whole words or in runs of whole words.

    A word is what its letters say, whatever pieces a tokenizer cuts it into. As many tokens as the
    share says are taken, and then the rest of the words that they are of.

    Parameters
    ----------
    fraction : float
        The share.
    joins, opens : array of bool (V,)
        Of each token of the vocabulary: whether it goes on with the word before it, if that is
        open at its end (:class:`thalweg.data.Vocabulary` has both).
    run : float, default 1
        Mean length of a run, in words; the length is geometric. 1 are single words.

    References
    ----------
    Joshi, Chen, Liu, Weld, Zettlemoyer, Levy, "SpanBERT: improving pre-training by representing and
    predicting spans" (2020).

    Examples
    --------
    >>> import numpy as np, torch
    >>> joins = np.array([False, True])  # token 1 always goes on with a word
    >>> hide = MaskedWords(0.5, joins, np.array([True, True]))
    >>> hide(torch.tensor([[0, 1, 0, 1]]), torch.Generator().manual_seed(0)).y
    tensor([[-1, -1,  0,  1]])
    """

    def __init__(
        self,
        fraction: float,
        joins: NDArray[np.bool_],
        opens: NDArray[np.bool_],
        run: float = 1.0,
    ) -> None:
        self.fraction = checked_fraction(fraction, "MaskedWords")
        if not run >= 1:
            raise InputError(f"MaskedWords: run must be at least 1 word, got {run}")
        self.run = run
        self.joins, self.opens = torch.from_numpy(joins), torch.from_numpy(opens)

    def __repr__(self) -> str:
        return f"MaskedWords(fraction={self.fraction}, run={self.run})"

    def hidden(self, y: Tensor, generator: torch.Generator) -> Tensor:
        known = visible(y)
        token = y.clamp(min=0)
        joins = self.joins.to(y.device)[token] & known
        opens = self.opens.to(y.device)[token] & known
        begins = torch.ones_like(known)
        begins[:, 1:] = ~(joins[:, 1:] & opens[:, :-1])
        word = begins.cumsum(dim=1) - 1
        u = uniform(torch.empty(2, *y.shape, device=y.device), generator)
        # runs: words between random cuts, each with a place of its own in a random order
        cut = begins & (u[0] * self.run < 1)
        cut[:, 0] = True
        order = u[1].gather(1, cut.cumsum(dim=1) - 1).masked_fill(~known, 2)
        rank = order.argsort(dim=1, stable=True).argsort(dim=1, stable=True)
        wanted = (self.fraction * known.sum(dim=1)).round().clamp(min=1)
        first = (rank < wanted[:, None]) & known
        # the whole of every word of which something is taken
        touched = torch.zeros_like(word).scatter_add(1, word, first.long())
        return touched.gather(1, word) > 0


class Disguised(Corruption):
    """Some of the hidden tokens shown after all: as they are, or as others.

    A network that is asked about tokens it can see has to say something of those too.

    Parameters
    ----------
    hiding : Hiding
        What is asked for.
    values : array of int
        Tokens that may stand for others.
    kept, swapped : float, default 0.1 and 0.1
        Shares shown as they are, and as one of ``values``; what remains is hidden. The three are
        80, 10 and 10 in a hundred with the defaults.

    References
    ----------
    Devlin, Chang, Lee, Toutanova, "BERT" (2019), section 3.1.
    """

    def __init__(
        self, hiding: Hiding, values: NDArray[np.integer], kept: float = 0.1, swapped: float = 0.1
    ) -> None:
        if not (kept >= 0 and swapped >= 0 and kept + swapped < 1):
            raise InputError(
                "Disguised: kept and swapped must be at least 0 and less than 1 together, got "
                f"{kept} and {swapped}"
            )
        self.hiding, self.kept, self.swapped = hiding, kept, swapped
        self.values = torch.from_numpy(np.asarray(values, np.int64))

    def __call__(self, y: Tensor, generator: torch.Generator) -> Corrupted:
        spoiled = self.hiding(y, generator)
        u = uniform(torch.empty(2, *y.shape, device=y.device), generator)
        values = self.values.to(y.device)
        others = values[(u[1] * len(values)).long().clamp(max=len(values) - 1)]
        shown = torch.where(u[0] < self.kept, y, others)
        disguised = spoiled.asked & (u[0] < self.kept + self.swapped)
        return Corrupted(torch.where(disguised, shown, spoiled.y), spoiled.asked)
