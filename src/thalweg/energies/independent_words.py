"""Words beside an energy that knows numbers alone."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Energy, Indicators, InputError, Layout, check_columns
from thalweg.energies.word_probabilities import WordProbabilities


class WithWords(Energy):
    r"""An energy of the numbers, and words that are independent of them and of one another.

    .. math::
        F(y) = F_0(y_{\text{numbers}}) - \sum_j \log p_j(c_j)

    For energies that only speak of numbers, such as :class:`IndependentSources`; exp(-F) adds up to
    1 where exp(-F_0) does. A hidden word costs nothing, for it is summed out; where F_0 minimizes
    hidden numbers out, it costs what the likeliest does.

    Parameters
    ----------
    energy : Energy
        F_0, of the numbers alone.
    layout : Layout
        Of one word or more.
    p : Tensor
        (d,): p, above 0 and with a sum of 1 in each word's block; numbers' entries do not matter.

    Raises
    ------
    InputError
        If there are no words or no numbers, or if p is not one such number for each entry.

    Examples
    --------
    >>> import torch
    >>> from thalweg.energies import Normal
    >>> numbers = Normal(torch.zeros(1), torch.eye(1))
    >>> energy = WithWords(numbers, Layout(3, ((1, 3),)), torch.tensor([0.0, 0.9, 0.1]))
    >>> energy(torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])) - numbers(torch.zeros(2, 1))
    tensor([0.1054, 2.3026])
    """

    _numbers: Tensor

    def __init__(
        self, energy: Energy, layout: Layout, p: Tensor, visible: Tensor | None = None
    ) -> None:
        super().__init__()
        if not layout.numbers:
            raise InputError("WithWords: the layout has no numbers; expected one or more")
        self.energy, self.visible = energy, visible
        self.words = WordProbabilities(layout, p)
        self.beta = energy.beta
        at = torch.tensor(layout.numbers, dtype=torch.long, device=p.device)
        self.register_buffer("_numbers", at, persistent=False)

    @classmethod
    def blank(cls, energy: Energy, layout: Layout) -> WithWords:
        """With all buffers of the right shapes, for a state to be loaded into."""
        return cls(energy, layout, WordProbabilities.blank(layout).prior)

    @property
    def minimizes_hidden(self) -> bool:
        return self.energy.minimizes_hidden

    @property
    def indicators(self) -> Indicators:
        return self.words.indicators

    def _log_p(self) -> Tensor:
        return self.words.entries(self.words.prior).log()

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        check_columns("WithWords", y, self.words.layout.width)
        shown, seen = self.words.shown(y, self.visible)
        log_p = self._log_p().to(shown)
        value: Tensor = self.energy(y[:, self._numbers], x) - shown @ log_p
        if self.visible is None or not self.minimizes_hidden:
            return value
        return value + (~seen).to(shown) @ self.words.least(log_p)

    def restricted(self, visible: Tensor) -> WithWords | None:
        seen = visible[:, self._numbers]
        inside = self.energy if bool(seen.all()) else self.energy.restricted(seen)
        if inside is None:
            return None
        whole = visible if self.visible is None else self.visible & visible
        view = WithWords(inside, self.words.layout, self.words.prior, whole)
        # where they are, on whatever device
        view.words, view.beta = self.words, self.beta
        return view

    def codes(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self.energy.codes(y[:, self._numbers], x)

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor | None:
        """Numbers, and the probabilities of words."""
        numbers = self.energy.decode(z, x)
        return None if numbers is None else self._row(numbers, self._log_p().exp())

    def reconstruct(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self._with_words(y, self.energy.reconstruct(y[:, self._numbers], x), settle=True)

    def fillings(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        numbers = y[:, self._numbers]
        every = numbers[None] if self._all_numbers() else self.energy.fillings(numbers, x)
        return self._with_words(y, every, settle=True)

    def expect(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        numbers = y[:, self._numbers]
        mean = numbers if self._all_numbers() else self.energy.expect(numbers, x)
        return self._with_words(y, mean, settle=False)

    def draw(self, n: int, generator: torch.Generator) -> Tensor | None:
        numbers = self.energy.draw(n, generator)
        if numbers is None:
            return None
        log_p = self._log_p().expand(n, -1)
        return self._row(numbers, self.words.draw(log_p, self._powers(), generator))

    def log_normalizer(self) -> Tensor | None:
        numbers = self.energy.log_normalizer()
        if numbers is None:
            return None
        return numbers + self.words.log_powers(self._log_p(), self._powers()).sum()

    def _powers(self) -> Tensor:
        return torch.full((len(self.words.sizes),), self.beta).to(self.words.prior)

    def _all_numbers(self) -> bool:
        return self.visible is not None and bool(self.visible[:, self._numbers].all())

    def _row(self, numbers: Tensor, entries: Tensor) -> Tensor:
        """Rows (..., d) of numbers, and of entries that broadcast with them."""
        row = numbers.new_zeros(*numbers.shape[:-1], self.words.layout.width)
        row = row.index_copy(-1, self._numbers, numbers)
        return self.words.placed(row, entries.expand(*numbers.shape[:-1], -1))

    def _with_words(self, y: Tensor, numbers: Tensor | None, settle: bool) -> Tensor | None:
        """Rows of these numbers (..., n, numbers), visible words as they are in y.

        Hidden ones are the likeliest, or their probabilities.
        """
        if numbers is None:
            return None
        shown, seen = self.words.shown(y, self.visible)
        p = self._log_p().exp().to(shown)
        if settle:
            p = self.words.entries(self.indicators.settled(self.words.prior)).to(shown)
        return self._row(numbers, torch.where(self.words.spread(seen), shown, p))
