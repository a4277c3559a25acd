"""Expectation maximization for components of rows with numbers and words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import InputError, Loss
from thalweg.data import Rows, Summary
from thalweg.energies import GaussianComponents, WordBlocks, WordComponents
from thalweg.latents import FreeEnergy
from thalweg.training.expectation import Sums, shares_of
from thalweg.training.loop import Step
from thalweg.training.mixture import build, moments, pooled, unless_singular
from thalweg.training.mixture_fit import Fit, Settings, by_em, jitter, sums_of_shares
from thalweg.training.mixture_rounding import LARGEST_ERROR, rounding_of
from thalweg.training.weighted import Weighted

PSEUDO_COUNT = 1.0
"""Rows that the prior of words counts like, in each component."""

NOTHING = 1e-14
"""A share of a row below which a component does not count it."""


@dataclass(frozen=True)
class WordPrior:
    """What tables of words are smoothed with, so that a word never seen keeps a probability."""

    p: Tensor
    """(d,), above 0 and with a sum of 1 in each word's block; numbers' entries do not matter"""
    rows: float = PSEUDO_COUNT
    """how many rows of a component the prior counts like, above 0"""

    def __post_init__(self) -> None:
        if not self.rows > 0:
            raise InputError(f"WordPrior: rows must be above 0, got {self.rows}")

    def log_p(self, counts: Tensor, words: WordBlocks) -> Tensor:
        """log of the probabilities of words (k, entries) that were counted so often."""
        every = torch.ones(len(words.sizes)).to(counts)
        smoothed = counts + self.rows * words.entries(self.p.to(counts))
        log = smoothed.log()
        return log - words.spread(words.log_powers(log, every))

    def penalty(self, log_p: Tensor, words: WordBlocks) -> float:
        """What the prior adds to the loss: rows times how far the tables (k, entries) are off."""
        prior = words.entries(self.p.to(log_p))
        return self.rows * float((prior * (prior.log() - log_p)).sum())


class WordSums(NamedTuple):
    """What components with words are made of: sums over rows by their responsibilities."""

    counts: Tensor
    """(k,)"""
    words: Tensor
    """(k, entries), how often each word was visible"""
    numbers: Sums | None
    """of the numbers"""
    loss: float
    """sum of the rows' free energies before the step"""


def word_em_step(
    energy: FreeEnergy, covariance_type: str, reg_covar: float, prior: WordPrior
) -> Step[Weighted]:
    r"""One iteration of expectation maximization, in place on the components of ``energy``.

    .. math::
        P_{zj}(c) \leftarrow \frac{\sum_i r_{iz} [y_{ij} = c] + a \pi_j(c)}
        {\sum_i r_{iz} [y_{ij} \text{ visible}] + a}

    and the numbers as in :func:`~thalweg.training.mixture.em_step`, at any beta. The loss is the
    mean free energy before the step plus, for each row, its part of
    :math:`a \sum_{zj} \mathrm{KL}(\pi_j \| P_{zj})`, which the smoothing by a stands for; it never
    rises (but for ``reg_covar``).

    Parameters
    ----------
    energy : FreeEnergy
        Of :class:`~thalweg.energies.WordComponents`.
    covariance_type : {"full", "tied", "diag", "spherical"}
    reg_covar : float
        Added to the diagonal of covariances.
    prior : WordPrior
        pi and a.

    References
    ----------
    Dempster, Laird, Rubin (1977); Hunt and Jorgensen (2003).
    """

    def step(data: Weighted, generator: torch.Generator) -> Loss:
        components = word_components_of(energy)
        penalty = prior.penalty(components.log_p.detach(), components.words)
        found, numbers = _expected(components, data, energy.beta, covariance_type, reg_covar)
        fresh = _built(components.words, found, numbers, prior)
        components.load_state_dict(fresh.state_dict())
        value = (found.loss + penalty) / float(found.counts.sum())
        return Loss(torch.tensor(value, dtype=torch.float64), {})

    return step


def word_components_of(energy: FreeEnergy) -> WordComponents:
    """The components of a free energy over rows with words."""
    assert isinstance(energy.energy, WordComponents)
    return energy.energy


def fit_words(
    energy: FreeEnergy,
    data: Weighted,
    summary: Summary,
    settings: Settings,
    generator: torch.Generator,
    prior: WordPrior,
) -> Fit:
    """Train the components of ``energy``, in place, from where they are.

    Raises
    ------
    InputError
        If the algorithm is not "em".
    """
    if settings.algorithm != "em":
        raise InputError(
            f"mixture: algorithm={settings.algorithm!r} does not learn words; expected 'em'"
        )
    components = word_components_of(energy)
    for beta in settings.betas():
        energy.beta = beta
        if settings.beta_start is not None:
            if components.numbers is not None:
                at = components.words.layout.numbers
                jitter(components.numbers.means, summary.variance[at], generator)
            jitter(components.word_logits, np.ones(components.word_logits.shape[1]), generator)
        step = word_em_step(energy, settings.covariance_type, settings.reg_covar, prior)
        ended = by_em(step, data, settings, generator)
    return ended


@torch.no_grad()
def components_of_shares(
    words: WordBlocks,
    data: Weighted,
    share: NDArray[np.float64],
    summary: Summary,
    covariance_type: str,
    reg_covar: float,
    prior: WordPrior,
) -> WordComponents:
    """The components that shares (n, k) of the rows make, where training may start.

    A hidden number stands at its column's mean in the component, a hidden word counts nothing.
    """
    entries, weighted = sum(words.sizes), share
    if data.weight is not None:
        weighted = share * data.weight[:, None]
    counts = torch.zeros(share.shape[1], entries, dtype=torch.float64)
    for start, chunk in data.rows.chunks():
        y = torch.from_numpy(chunk).double()
        shown, _ = words.shown(y, ~y.isnan())
        counts += torch.from_numpy(weighted[start : start + len(chunk)]).double().T @ shown
    numbers, columns = None, words.layout.numbers
    if columns:
        part = Summary(
            summary.visible[columns],
            summary.mean[columns],
            summary.squares[columns],
            summary.hidden,
        )
        # where the words are counted
        of_numbers = Weighted(
            _Columns(data.rows, columns), data.weight, data.shift.cpu(), data.hidden
        )
        found = sums_of_shares(of_numbers, share, part)
        weights, means, covariances = moments(found, covariance_type, reg_covar)
        numbers = build(means, weights, covariances, covariance_type)
    total = torch.from_numpy(weighted.sum(axis=0))
    return _built(words, WordSums(total, counts, None, 0.0), numbers, prior)


@torch.no_grad()
def pooled_words(parts: list[WordComponents]) -> WordComponents:
    """One mixture of the components of several, each mixture with an equal share."""
    log_p, layout = torch.cat([part.log_p for part in parts]), parts[0].words.layout
    numbers = [part.numbers for part in parts if part.numbers is not None]
    if numbers:
        return WordComponents(layout, pooled(numbers), log_p)
    weights = torch.cat([part.weights for part in parts]) / len(parts)
    return WordComponents(layout, None, log_p, weights)


class _Columns(Rows):
    """Some columns of rows, taken chunk by chunk."""

    def __init__(self, rows: Rows, columns: list[int]) -> None:
        super().__init__(rows.values)
        self.rows, self.columns = rows, columns

    @property
    def n_columns(self) -> int:
        return len(self.columns)

    def chunks(self) -> Iterator[tuple[int, NDArray[np.floating]]]:
        for start, chunk in self.rows.chunks():
            yield start, chunk[:, self.columns]


def _built(
    words: WordBlocks, found: WordSums, numbers: GaussianComponents | None, prior: WordPrior
) -> WordComponents:
    log_p = prior.log_p(found.words, words)
    if numbers is not None:
        return WordComponents(words.layout, numbers, log_p)
    # as for numbers: a guard for a component without rows
    counts = found.counts + 10 * torch.finfo(torch.float64).eps
    return WordComponents(words.layout, None, log_p, counts / counts.sum())


@torch.no_grad()
def _expected(
    components: WordComponents,
    data: Weighted,
    beta: float,
    covariance_type: str,
    reg_covar: float,
) -> tuple[WordSums, GaussianComponents | None]:
    """The sums of a step, from where they are right, and the numbers' components they make."""

    def built(found: Sums) -> GaussianComponents:
        weights, means, covariances = moments(found, covariance_type, reg_covar)
        return build(means, weights, covariances, covariance_type)

    if components.numbers is None:
        return _sums(components, data, beta, None), None
    found = _sums(components, data, beta, components.numbers.means.double())
    assert found.numbers is not None
    fresh = unless_singular(built, found.numbers)
    if fresh is not None and rounding_of(fresh, found.numbers.away) < LARGEST_ERROR:
        return found, fresh
    # means that move far leave differences as large as what they were taken to avoid
    found = _sums(components, data, beta, found.numbers.about + found.numbers.away)
    assert found.numbers is not None
    return found, built(found.numbers)


def _sums(
    components: WordComponents, data: Weighted, beta: float, about: Tensor | None
) -> WordSums:
    log_p = components.word_logits.double()
    counts, words = torch.zeros_like(log_p[:, 0]), torch.zeros_like(log_p)
    loss, total = counts.new_zeros(()), None if about is None else _no_sums(about)
    for y, weight in data.pieces(len(log_p) * max(1, data.rows.n_columns)):
        visible = ~y.isnan() if data.hidden else None
        share, value = shares_of(components.each(y, visible), beta)
        if weight is not None:
            share, value = share * weight, value * weight
        counts += share.sum(dim=1)
        words += share @ components.words.shown(y, visible)[0]
        loss += value.sum()
        if total is not None and components.numbers is not None:
            numbers = components.numbers_of(y)
            _add_numbers(total, components.numbers, numbers, share, data.hidden)
    if total is not None:
        total = total._replace(counts=counts)
    return WordSums(counts, words, total, float(loss))


def _no_sums(about: Tensor) -> Sums:
    k, d = about.shape
    return Sums(about.new_zeros(k), torch.zeros_like(about), about.new_zeros(k, d, d), about, 0.0)


def _add_numbers(
    total: Sums, numbers: GaussianComponents, y: Tensor, share: Tensor, hidden: bool
) -> None:
    """Add what rows y (n, d), counted by their shares (k, n), say of the numbers."""
    whole = ~y.isnan().any(dim=1) if hidden else torch.ones_like(share[0], dtype=torch.bool)
    away = y[whole] - total.about[:, None]
    weighted = share[:, whole, None] * away
    total.sums.add_(weighted.sum(dim=1))
    total.products.add_(weighted.transpose(1, 2) @ away)
    if bool(whole.all()):
        return
    from thalweg.kernels.hidden_gaussian import expected_sums  # compiled: slow to import

    rows, share = y[~whole].cpu(), share[:, ~whole].cpu()
    means, about = numbers.means.double().cpu().numpy(), total.about.cpu().numpy()
    factors = numbers.factor().double().expand(len(means), -1, -1).cpu().contiguous().numpy()
    for c in range(len(means)):
        # a mixture of one component, for rows that count by their share
        here, one = share[c] > NOTHING, slice(c, c + 1)
        _, sums, products, _ = expected_sums(
            rows[here].numpy(), share[c, here].numpy(), np.zeros(1), means[one], factors[one],
            about[one], 1.0,
        )  # fmt: skip
        total.sums[c] += torch.from_numpy(sums[0]).to(total.sums)
        total.products[c] += torch.from_numpy(products[0]).to(total.products)
