"""Probabilities of words, from predictions of the entries that say which word is there."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from thalweg.core import Indicators, InputError, Layout

EPSILON = 0.01
"""Weight of the prior beside what is predicted: as of a hundred rows that say the same."""


class WordProbabilities(nn.Module):
    r"""Probabilities of words from the predicted entries of their blocks.

    .. math::
        p_c = \frac{\max(q_c, 0) + \epsilon \pi_c}{\sum_{c'} \max(q_{c'}, 0) + \epsilon \pi_{c'}},
        \qquad q = \text{unit} \cdot \hat y + \text{shift}

    The mean of indicators is a probability, so least squares on them estimates one: q. Of rows
    that n of them stand for, epsilon is as many as n epsilon more rows that the prior was drawn
    from; without them a word that no such row has would have an infinite cost.

    Parameters
    ----------
    layout : Layout
    prior : Tensor
        (d,): pi, above 0 and with a sum of 1 in each word's block; numbers' entries do not matter.
    epsilon : float, default 0.01
        Above 0.
    shift, unit : Tensor, optional
        (d,): an indicator is unit * y + shift; none is y itself.

    Raises
    ------
    InputError
        If a shape is wrong, the prior is none, or epsilon or a unit is not above 0.

    Examples
    --------
    >>> import torch
    >>> prior = torch.tensor([0.5, 0.4, 0.1])
    >>> words = WordProbabilities(Layout(3, ((0, 3),)), prior, epsilon=1.0)
    >>> words.log_p(torch.tensor([0.5, 0.6, -0.1])).exp()
    tensor([0.4762, 0.4762, 0.0476])
    """

    prior: Tensor
    epsilon: Tensor
    shift: Tensor
    unit: Tensor
    _at: Tensor
    _block: Tensor

    def __init__(
        self,
        layout: Layout,
        prior: Tensor,
        epsilon: float = EPSILON,
        shift: Tensor | None = None,
        unit: Tensor | None = None,
    ) -> None:
        super().__init__()
        if not layout.words:
            raise InputError("WordProbabilities: the layout has no words; expected one or more")
        shift = torch.zeros_like(prior) if shift is None else shift
        unit = torch.ones_like(prior) if unit is None else unit
        for name, each in (("prior", prior), ("shift", shift), ("unit", unit)):
            if each.shape != (layout.width,):
                raise InputError(
                    f"WordProbabilities: {name} has shape {tuple(each.shape)}; expected "
                    f"({layout.width},)"
                )
        if not epsilon > 0:
            raise InputError(f"WordProbabilities: epsilon must be above 0, got {epsilon}")
        for j, (start, stop) in enumerate(layout.words):
            block, total = prior[start:stop], float(prior[start:stop].sum())
            if not bool((block > 0).all()) or abs(total - 1) > 1e-3:
                raise InputError(
                    f"WordProbabilities: prior of word {j}, entries {start} to {stop - 1}, is "
                    f"{block.tolist()}; expected numbers above 0 with a sum of 1"
                )
            if not bool((unit[start:stop] > 0).all()):
                raise InputError(f"WordProbabilities: unit of word {j} must be above 0")
        self.layout = layout
        self.sizes = [stop - start for start, stop in layout.words]
        self.register_buffer("prior", prior.clone())
        self.register_buffer("epsilon", torch.tensor(float(epsilon)).to(prior))
        self.register_buffer("shift", shift.clone())
        self.register_buffer("unit", unit.clone())
        # of the entries of words: where they are in a row, and which word they are of
        at = [i for start, stop in layout.words for i in range(start, stop)]
        word = [j for j, size in enumerate(self.sizes) for _ in range(size)]
        self.register_buffer("_at", torch.tensor(at, dtype=torch.long), persistent=False)
        self.register_buffer("_block", torch.tensor(word, dtype=torch.long), persistent=False)

    @classmethod
    def blank(cls, layout: Layout) -> WordProbabilities:
        """With all buffers of the right shapes, for a state to be loaded into."""
        prior = torch.ones(layout.width)
        for start, stop in layout.words:
            prior[start:stop] = 1 / (stop - start)
        return cls(layout, prior)

    @property
    def indicators(self) -> Indicators:
        """Which entries are of words, and what they are where a word is there."""
        return Indicators(self.layout.words, -self.shift / self.unit, (1 - self.shift) / self.unit)

    def log_p(self, prediction: Tensor) -> Tensor:
        """log p of predictions (..., d), for the entries of all words in a row: (..., entries)."""
        at = self._at
        q = prediction[..., at] * self.unit[at].to(prediction) + self.shift[at].to(prediction)
        p = q.clamp_min(0) + (self.epsilon * self.prior[at]).to(q)
        total = torch.stack([part.sum(dim=-1) for part in self._parts(p)], dim=-1)
        return p.log() - self.spread(total.log())

    def shown(self, y: Tensor, visible: Tensor | None) -> tuple[Tensor, Tensor]:
        """Indicators of rows y (n, d), 0 in hidden words: (n, entries); what is seen: (n, words).

        A word is hidden where any entry of its block is.
        """
        at = self._at
        rows = y[..., at] * self.unit[at].to(y) + self.shift[at].to(y)
        if visible is None:
            return rows, rows.new_ones(*y.shape[:-1], len(self.sizes), dtype=torch.bool)
        seen = torch.stack([part.all(dim=-1) for part in self._parts(visible[..., at])], dim=-1)
        return torch.where(self.spread(seen), rows, 0), seen

    def spread(self, each: Tensor) -> Tensor:
        """What each word (..., words) has, at each of its entries (..., entries)."""
        return each[..., self._block]

    def least(self, log_p: Tensor) -> Tensor:
        """-log p of the likeliest word: (..., words) for log p (..., entries)."""
        return -torch.stack([part.amax(dim=-1) for part in self._parts(log_p)], dim=-1)

    def log_powers(self, log_p: Tensor, power: Tensor) -> Tensor:
        """log of the sum of p^power over each word's entries: (..., words); power is (words,)."""
        parts = zip(self._parts(log_p), power, strict=True)
        return torch.stack([torch.logsumexp(each * part, dim=-1) for part, each in parts], dim=-1)

    def placed(self, row: Tensor, entries: Tensor) -> Tensor:
        """Rows (..., d) with these indicators or probabilities (..., entries) in words' blocks."""
        at = self._at
        inside = (entries - self.shift[at].to(entries)) / self.unit[at].to(entries)
        return row.index_copy(-1, at, inside.to(row))

    def draw(self, log_p: Tensor, power: Tensor, generator: torch.Generator) -> Tensor:
        """Indicators of words drawn from p^power, normalized: the shape of log p.

        The likeliest word where power is infinite.
        """
        drawn = []
        for part, each in zip(self._parts(log_p), power.tolist(), strict=True):
            if math.isinf(each):
                which = part.argmax(dim=-1)
            else:
                share = torch.softmax(each * part.double(), dim=-1).to(generator.device)
                flat = share.reshape(-1, share.shape[-1])
                which = torch.multinomial(flat, 1, generator=generator)
                which = which.reshape(share.shape[:-1]).to(part.device)
            drawn.append(torch.nn.functional.one_hot(which, part.shape[-1]).to(part))
        return torch.cat(drawn, dim=-1)

    def _parts(self, entries: Tensor) -> tuple[Tensor, ...]:
        return entries.split(self.sizes, dim=-1)
