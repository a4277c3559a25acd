"""Words in rows: blocks of indicators, and probabilities from predictions of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from thalweg.core import Indicators, InputError, Layout

EPSILON = 0.01
"""Weight of the prior beside what is predicted: as of a hundred rows that say the same."""


class WordBlocks(nn.Module):
    """The words of a row (..., d) as *entries* (..., entries): the indicators of all blocks.

    Parameters
    ----------
    layout : Layout
        Of one word or more.
    shift, unit : Tensor, optional
        (d,): an indicator is unit * y + shift; none is y itself.

    Raises
    ------
    InputError
        If there are no words, a shape is wrong or a unit is not above 0.
    """

    shift: Tensor
    unit: Tensor
    _at: Tensor
    _word: Tensor

    def __init__(
        self, layout: Layout, shift: Tensor | None = None, unit: Tensor | None = None
    ) -> None:
        super().__init__()
        if not layout.words:
            raise InputError(
                f"{type(self).__name__}: the layout has no words; expected one or more"
            )
        shift = torch.zeros(layout.width) if shift is None else shift
        unit = torch.ones(layout.width).to(shift) if unit is None else unit
        self.layout = layout
        self._check_width("shift", shift)
        self._check_width("unit", unit)
        self.sizes = [stop - start for start, stop in layout.words]
        self.register_buffer("shift", shift.clone())
        self.register_buffer("unit", unit.clone())
        # of each entry: where it is in a row, and which word it is of
        at = [i for start, stop in layout.words for i in range(start, stop)]
        word = [j for j, size in enumerate(self.sizes) for _ in range(size)]
        if not bool((unit[at] > 0).all()):
            raise InputError(f"{type(self).__name__}: unit must be above 0 for all words")
        for name, each in (("_at", at), ("_word", word)):
            place = torch.tensor(each, dtype=torch.long, device=shift.device)
            self.register_buffer(name, place, persistent=False)

    def _check_width(self, name: str, each: Tensor) -> None:
        if each.shape != (self.layout.width,):
            raise InputError(
                f"{type(self).__name__}: {name} has shape {tuple(each.shape)}; expected "
                f"({self.layout.width},)"
            )

    @property
    def indicators(self) -> Indicators:
        """Which entries are of words, and what they are where a word is there."""
        return Indicators(self.layout.words, -self.shift / self.unit, (1 - self.shift) / self.unit)

    def entries(self, y: Tensor) -> Tensor:
        """Indicators of rows (..., d), or what was predicted for them: (..., entries)."""
        at = self._at
        return y[..., at] * self.unit[at].to(y) + self.shift[at].to(y)

    def shown(self, y: Tensor, visible: Tensor | None) -> tuple[Tensor, Tensor]:
        """Indicators of rows y (n, d), 0 in hidden words: (n, entries); what is seen: (n, words).

        A word is hidden where any entry of its block is.
        """
        rows = self.entries(y)
        if visible is None:
            return rows, rows.new_ones(*y.shape[:-1], len(self.sizes), dtype=torch.bool)
        seen = torch.stack(
            [part.all(dim=-1) for part in self._parts(visible[..., self._at])], dim=-1
        )
        return torch.where(self.spread(seen), rows, 0), seen

    def spread(self, each: Tensor) -> Tensor:
        """What each word (..., words) has, at each of its entries (..., entries)."""
        return each[..., self._word]

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


class WordProbabilities(WordBlocks):
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
        If a shape is wrong, the prior is none, or epsilon or a unit is not above 0;
        or if there are no words.

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

    def __init__(
        self,
        layout: Layout,
        prior: Tensor,
        epsilon: float = EPSILON,
        shift: Tensor | None = None,
        unit: Tensor | None = None,
    ) -> None:
        super().__init__(
            layout, torch.zeros(layout.width).to(prior) if shift is None else shift, unit
        )
        self._check_width("prior", prior)
        if not epsilon > 0:
            raise InputError(f"WordProbabilities: epsilon must be above 0, got {epsilon}")
        for j, (start, stop) in enumerate(layout.words):
            block, total = prior[start:stop], float(prior[start:stop].sum())
            if not bool((block > 0).all()) or abs(total - 1) > 1e-3:
                raise InputError(
                    f"WordProbabilities: prior of word {j}, entries {start} to {stop - 1}, is "
                    f"{block.tolist()}; expected numbers above 0 with a sum of 1"
                )
        self.register_buffer("prior", prior.clone())
        self.register_buffer("epsilon", torch.tensor(float(epsilon)).to(prior))

    @classmethod
    def blank(cls, layout: Layout) -> WordProbabilities:
        """With all buffers of the right shapes, for a state to be loaded into."""
        prior = torch.ones(layout.width)
        for start, stop in layout.words:
            prior[start:stop] = 1 / (stop - start)
        return cls(layout, prior)

    def log_p(self, prediction: Tensor) -> Tensor:
        """log p of predictions (..., d), for the entries of all words in a row: (..., entries)."""
        q = self.entries(prediction)
        p = q.clamp_min(0) + (self.epsilon * self.prior[self._at]).to(q)
        total = torch.stack([part.sum(dim=-1) for part in self._parts(p)], dim=-1)
        return p.log() - self.spread(total.log())

    def settled(self, prediction: Tensor) -> Tensor:
        """The prediction (..., d) with the likeliest word of each block."""
        log_p, always = self.log_p(prediction), torch.full((len(self.sizes),), torch.inf)
        # nothing is drawn where the power is infinite
        return self.placed(prediction, self.draw(log_p, always, torch.Generator()))


class WordLogits(WordProbabilities):
    r"""Probabilities of words from predictions that are their logarithms, up to a constant.

    .. math::
        p_c = \frac{\operatorname{softmax}(\hat y + \log \pi)_c + \epsilon \pi_c}{1 + \epsilon}

    For networks that learn by -log p: a prediction that is far off still has a gradient, which one
    of :class:`WordProbabilities` that is below 0 has not; and one of 0, which networks begin with,
    means the prior. Parameters as there; shift and unit say what rows are, not predictions.

    Examples
    --------
    >>> import torch
    >>> prior = torch.tensor([0.5, 0.4, 0.1])
    >>> words = WordLogits(Layout(3, ((0, 3),)), prior, epsilon=0.1)
    >>> words.log_p(torch.tensor([0.0, 0.0, -9.0])).exp()
    tensor([0.5505, 0.4404, 0.0091])
    """

    def log_p(self, prediction: Tensor) -> Tensor:
        q = prediction[..., self._at] + self.prior[self._at].log().to(prediction)
        soft = torch.cat([part.log_softmax(dim=-1) for part in self._parts(q)], dim=-1)
        floor = (self.epsilon * self.prior[self._at]).log().to(q)
        return torch.logaddexp(soft, floor) - torch.log1p(self.epsilon).to(q)
