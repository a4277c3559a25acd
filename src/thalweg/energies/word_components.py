"""Components of rows with numbers and words: the latent variable says which one."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from thalweg.core import Indicators, InputError, LatentEnergy, Layout, check_columns
from thalweg.energies.mixture import GaussianComponents, chosen
from thalweg.energies.word_probabilities import WordBlocks
from thalweg.latents import OneHot


class WordComponents(LatentEnergy):
    r"""Normal densities of the numbers, probabilities of the words, and weights; z says which.

    .. math::
        E(y, z) = -\log \pi_z - \log N(y_{\text{numbers}}; \mu_z, S_z) - \sum_j \log P_{zj}(c_j)

    so that at beta = 1 the free energy is minus the log-likelihood of the mixture: exp(-F) adds up
    to 1 over numbers and words. Hidden numbers are integrated out and hidden words summed out,
    component by component. Of numbers alone it is :class:`GaussianComponents`, of words alone
    latent class analysis.

    Parameters
    ----------
    layout : Layout
        Of one word or more.
    numbers : GaussianComponents or None
        Of the numbers, with the weights; None where a row has none.
    log_p : Tensor
        (k, entries): log P, for the entries of all words in a row. Each block is normalized.
    weights : Tensor, optional
        (k,), the shares, where there are no numbers.

    Raises
    ------
    InputError
        If shapes do not fit, or if there is not exactly one of numbers and weights.

    References
    ----------
    Lazarsfeld and Henry, "Latent structure analysis" (1968); Hunt and Jorgensen, "Mixture model
    clustering for mixed data with missing information" (2003).

    Examples
    --------
    >>> import torch
    >>> from thalweg.latents import Exhaustive, FreeEnergy
    >>> p = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    >>> each = WordComponents(Layout(2, ((0, 2),)), None, p.log(), torch.tensor([0.5, 0.5]))
    >>> energy = FreeEnergy(each, Exhaustive(), beta=1.0)
    >>> torch.exp(-energy(torch.eye(2))).detach()
    tensor([0.5500, 0.4500])
    """

    _numbers: Tensor

    def __init__(
        self,
        layout: Layout,
        numbers: GaussianComponents | None,
        log_p: Tensor,
        weights: Tensor | None = None,
    ) -> None:
        super().__init__()
        k, columns = len(log_p), layout.numbers
        there = 0 if numbers is None else numbers.means.shape[1]
        if there != len(columns) or (numbers is not None and len(numbers.means) != k):
            raise InputError(
                f"WordComponents: numbers have {there} columns; expected {len(columns)}, and "
                f"{k} components"
            )
        if (weights is None) == (numbers is None):
            raise InputError("WordComponents: expected either numbers or weights")
        self.words = WordBlocks(layout, torch.zeros(layout.width).to(log_p))
        if log_p.shape != (k, sum(self.words.sizes)):
            raise InputError(
                f"WordComponents: log_p has shape {tuple(log_p.shape)}; expected "
                f"({k}, {sum(self.words.sizes)})"
            )
        self.numbers = numbers
        self.logits = None if weights is None else nn.Parameter(weights.log())
        self.word_logits = nn.Parameter(log_p.clone())
        self.latent = OneHot(k).to(log_p)
        at = torch.tensor(columns, dtype=torch.long, device=log_p.device)
        self.register_buffer("_numbers", at, persistent=False)

    @classmethod
    def blank(cls, layout: Layout, numbers: GaussianComponents | None, k: int) -> WordComponents:
        """With all parameters of the right shapes, for a state to be loaded into."""
        entries = sum(stop - start for start, stop in layout.words)
        weights = torch.full((k,), 1 / k) if numbers is None else None
        return cls(layout, numbers, torch.zeros(k, entries), weights)

    @property
    def indicators(self) -> Indicators:
        return self.words.indicators

    @property
    def weights(self) -> Tensor:
        """The shares of the components: (k,)."""
        return self._log_shares().exp()

    @property
    def log_p(self) -> Tensor:
        """log P of each word under each component: (k, entries)."""
        total = self.words.log_powers(self.word_logits, self._ones())
        return self.word_logits - self.words.spread(total)

    def _ones(self) -> Tensor:
        return torch.ones(len(self.words.sizes)).to(self.word_logits)

    def _log_shares(self) -> Tensor:
        logits = self.logits if self.numbers is None else self.numbers.logits
        assert isinstance(logits, Tensor)
        return torch.log_softmax(logits, dim=0)

    def numbers_of(self, y: Tensor) -> Tensor:
        """The entries of rows (..., d) that are numbers."""
        return y[..., self._numbers]

    def each(self, y: Tensor, visible: Tensor | None = None) -> Tensor:
        """E of every row under every component, what is hidden marginalized: (k, n)."""
        check_columns("WordComponents", y, self.words.layout.width)
        rows, _ = self.words.shown(y, visible)
        words = self.log_p.to(rows) @ rows.T
        if self.numbers is None:
            return -self._log_shares()[:, None] - words
        if visible is None:
            return self.numbers.each(self.numbers_of(y)) - words
        return self._marginal(self.numbers_of(y), self.numbers_of(visible)) - words

    def _marginal(self, numbers: Tensor, seen: Tensor) -> Tensor:
        """Of numbers of which some are hidden; a matrix for each row costs, so for those alone."""
        assert self.numbers is not None
        whole = seen.all(dim=1)
        if bool(whole.all()):
            return self.numbers.each(numbers)
        parts = [whole.nonzero()[:, 0], (~whole).nonzero()[:, 0]]
        every = torch.eye(len(self.word_logits)).to(numbers)[:, None]
        view = self.numbers.restricted(seen[parts[1]])
        values = [self.numbers.each(numbers[parts[0]]), view(numbers[parts[1]], every)]
        back = torch.argsort(torch.cat(parts))
        return torch.cat(values, dim=1)[:, back]

    def data_term(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> Tensor:
        return chosen(z, self.each(y))

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        """The means of numbers, and the probabilities of words."""
        row = z.new_zeros(*z.shape[:-1], self.words.layout.width)
        if self.numbers is not None:
            row = row.index_copy(-1, self._numbers, z @ self.numbers.means)
        return self.words.placed(row, z @ self.log_p.exp())

    def reconstruct(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> Tensor:
        return self.indicators.settled(self.decode(z, x))

    def restricted(self, visible: Tensor) -> LatentEnergy:
        return _Marginal(self, visible)

    @torch.no_grad()
    def draw(self, n: int, beta: float, generator: torch.Generator) -> Tensor:
        log_p, shares = self.log_p, self._log_shares()
        infinite = math.isinf(beta)
        log_mass = shares * (1 if infinite else beta)
        if self.numbers is not None:
            log_mass = self.numbers.log_mass(beta)
        words = -self.words.least(log_p) if infinite else self.words.log_powers(
            log_p, beta * self._ones()
        )  # fmt: skip
        log_mass = log_mass + words.sum(dim=1)
        if infinite:
            # all the mass is where F is lowest
            which = log_mass.argmax().expand(n)
        else:
            share = torch.softmax(log_mass.double().to(generator.device), dim=0)
            which = torch.multinomial(share, n, replacement=True, generator=generator)
        here = which.to(log_p.device)
        row = log_p.new_zeros(n, self.words.layout.width)
        if self.numbers is not None:
            numbers = (
                self.numbers.means[here]
                if infinite
                else self.numbers.draw_of(which, beta, generator)
            )
            row = row.index_copy(-1, self._numbers, numbers)
        drawn = self.words.draw(log_p[here], beta * self._ones(), generator)
        return self.words.placed(row, drawn)


class _Marginal(LatentEnergy):
    """The components with each row's hidden numbers integrated and hidden words summed out."""

    def __init__(self, whole: WordComponents, visible: Tensor) -> None:
        super().__init__()
        self.whole = whole
        self.latent = whole.latent
        self.visible = visible

    @property
    def indicators(self) -> Indicators:
        return self.whole.indicators

    def data_term(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> Tensor:
        return chosen(z, self.whole.each(y, self.visible))

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        return self.whole.decode(z, x)

    def _filled(self, y: Tensor) -> Tensor:
        """Rows with hidden numbers at each component's conditional mean: (k, n, d)."""
        rows = torch.where(self.visible, y, 0).expand(len(self.whole.word_logits), *y.shape)
        if self.whole.numbers is None:
            return rows
        view = self.whole.numbers.restricted(self.whole.numbers_of(self.visible))
        modes = view.modes(self.whole.numbers_of(y))
        assert modes is not None
        return rows.index_copy(-1, self.whole._numbers, modes.to(rows))

    def _with_words(self, y: Tensor, rows: Tensor, entries: Tensor) -> Tensor:
        """Rows (..., n, d) with these entries (..., n, entries) in the words that are hidden."""
        shown, seen = self.whole.words.shown(y, self.visible)
        entries = torch.where(self.whole.words.spread(seen), shown, entries.to(shown))
        return self.whole.words.placed(rows, entries)

    def modes(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """Each component's mode; and the best one's numbers with the words likeliest of all."""
        rows, log_p = self._filled(y), self.whole.log_p
        most = self.whole.words.draw(log_p, torch.full_like(self.whole._ones(), torch.inf),
                                     torch.Generator())  # fmt: skip
        of_each = self._with_words(y, rows, most[:, None].expand(-1, len(y), -1))
        energies = self.whole.each(y, self.visible)
        together = torch.softmax(-energies, dim=0).T @ log_p.exp()
        best = rows[energies.argmin(dim=0), torch.arange(len(y), device=y.device)]
        last = self.whole.indicators.settled(self._with_words(y, best, together))
        return torch.cat([of_each, torch.where(self.visible, y, last)[None]])

    def reconstruct(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> Tensor:
        return torch.einsum("nk,knd->nd", z, self.modes(y)[:-1])

    def expect(self, y: Tensor, z: Tensor, share: Tensor, x: Tensor | None = None) -> Tensor:
        """The mean of the numbers, and the probability of each word."""
        # z says which component each candidate is
        share = torch.einsum("cn,cnk->nk", share, z.expand(-1, len(y), -1))
        rows = torch.einsum("nk,knd->nd", share, self._filled(y))
        filled = self._with_words(y, rows, share @ self.whole.log_p.exp())
        return torch.where(self.visible, y, filled)

    def draw_rest(
        self,
        y: Tensor,
        z: Tensor,
        beta: float,
        generator: torch.Generator,
        x: Tensor | None = None,
    ) -> Tensor | None:
        """Numbers by the components of the numbers, words by each component's probabilities."""
        rows = torch.where(self.visible, y, 0).expand(len(z), *y.shape)
        if self.whole.numbers is not None:
            view = self.whole.numbers.restricted(self.whole.numbers_of(self.visible))
            numbers = view.draw_rest(self.whole.numbers_of(y), z, beta, generator)
            if numbers is None:
                return None
            rows = rows.index_copy(-1, self.whole._numbers, numbers.to(rows))
        log_p = self.whole.log_p[z.argmax(dim=-1)]
        words = self.whole.words.draw(log_p, beta * self.whole._ones(), generator)
        return torch.where(self.visible, y, self._with_words(y, rows, words))

    def restricted(self, visible: Tensor) -> _Marginal:
        return _Marginal(self.whole, self.visible & visible)
