"""Fitting Gaussian components: where they start, by which steps, at which temperatures."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import InputError
from thalweg.data import Summary, batches, steps_of
from thalweg.latents import FreeEnergy
from thalweg.objectives import PushDown
from thalweg.training.component_units import in_units_of_components, renew_units
from thalweg.training.expectation import Sums
from thalweg.training.history import History
from thalweg.training.loop import Step, train
from thalweg.training.mixture import components_of, em_step
from thalweg.training.progress import progress_bar
from thalweg.training.steps import gradient_step
from thalweg.training.stopping import no_more_progress
from thalweg.training.weighted import Weighted

BETA_STEP = 1.5
"""By how much beta grows between two stages of annealing."""

OVERSHOOT = 1.2
"""Annealing goes this much above beta before it comes back: at beta itself components that lie on
one another part infinitely slowly, for equal ones are a fixed point with a slope of 1."""

LEAST_STAGE = 30
"""Iterations of a stage of annealing before it may end: parting begins slowly."""

RATES = (1.0, 0.1, 0.01)
"""Shares of the learning rate that gradient steps are taken at, one after the other."""

AT_REST = 0.02
"""What an iteration of EM may still lower the mean energy by where gradient steps have ended."""

JITTER = 0.01
"""Noise on the means at each stage of annealing, in units of the columns' spread."""


@dataclass(frozen=True)
class Settings:
    """How to fit."""

    algorithm: str
    covariance_type: str
    reg_covar: float
    beta: float
    beta_start: float | None
    max_iter: int
    tol: float
    batch_size: int
    learning_rate: float
    verbose: bool

    def betas(self) -> list[float]:
        """The stages of beta: one, or from beta_start on to beta."""
        if self.beta_start is None:
            return [self.beta]
        top = 1e3 * self.beta_start if math.isinf(self.beta) else self.beta
        stages = math.ceil(math.log(top / self.beta_start) / math.log(BETA_STEP))
        rising = [self.beta_start * BETA_STEP**i for i in range(stages)]
        return [*rising, OVERSHOOT * top, self.beta]


class Fit(NamedTuple):
    """How a fit ended."""

    converged: bool
    n_iter: int
    loss: float
    """mean free energy of the rows"""


def fit(
    energy: FreeEnergy,
    data: Weighted,
    summary: Summary,
    settings: Settings,
    generator: torch.Generator,
) -> Fit:
    """Train the components of ``energy``, in place, from where they are."""
    for beta in settings.betas():
        energy.beta = beta
        if settings.beta_start is not None:
            jitter(components_of(energy).means, summary.variance, generator)
        if settings.algorithm == "em":
            step = em_step(energy, settings.covariance_type, settings.reg_covar)
            ended = by_em(step, data, settings, generator)
        else:
            ended = _by_gradient(energy, data, settings, generator)
    return ended


def sums_of_shares(data: Weighted, share: NDArray[np.float64], summary: Summary) -> Sums:
    """The sums that shares (n, k) of the rows make, each component's about its own mean.

    A hidden entry stands at its column's mean in the component, with its variance there.
    """
    k, d = share.shape[1], data.rows.n_columns
    mean, variance = (
        torch.from_numpy(each).to(data.shift) for each in (summary.mean, summary.variance)
    )
    counts, seen = mean.new_zeros(k), mean.new_zeros(k, d)
    about = torch.zeros_like(seen)
    for r, y, hidden in _shared(data, share):
        counts += r.sum(dim=1)
        seen += r @ (~hidden).to(r)
        about += r @ torch.where(hidden, 0, y - mean)
    about = mean + about / seen.clamp_min(1e-300)
    sums, squares, products = (
        torch.zeros_like(seen),
        torch.zeros_like(seen),
        mean.new_zeros(k, d, d),
    )
    for r, y, hidden in _shared(data, share):
        away = torch.where(hidden, 0, y - about[:, None])
        weighted = r[..., None] * away
        sums += weighted.sum(dim=1)
        products += weighted.transpose(1, 2) @ away
        squares += (weighted * away).sum(dim=1)
    # of a column that a component shows nothing of, the variance is that of all rows
    variance = torch.where(seen > 0, squares / seen.clamp_min(1e-300), variance)
    products.diagonal(dim1=1, dim2=2).add_(variance * (counts[:, None] - seen))
    return Sums(counts, sums, products, about, 0.0)


def _shared(data: Weighted, share: NDArray[np.float64]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Shares (k, m) that count rows (m, d), and what is hidden of them."""
    at = 0
    for y, weight in data.pieces(share.shape[1] * data.rows.n_columns):
        r = torch.from_numpy(share[at : at + len(y)]).to(y).T
        at += len(y)
        yield r if weight is None else r * weight, y, y.isnan()


def by_em(
    step: Step[Weighted], data: Weighted, settings: Settings, generator: torch.Generator
) -> Fit:
    """Steps over all rows until the loss falls by less than the tolerance."""
    least = 2 if settings.beta_start is None else LEAST_STAGE

    def settled(history: History) -> bool:
        if len(history) < least:
            return False
        before, now = (float(value) for value in history.values[-2:])
        return abs(before - now) < settings.tol

    with progress_bar("EM", settings.max_iter, settings.verbose) as progress:
        history = train(
            step,
            itertools.repeat(data, settings.max_iter),
            generator,
            stop=settled,
            progress=progress,
        )
    return Fit(settled(history), len(history), history.losses[-1])


def _by_gradient(
    energy: FreeEnergy, data: Weighted, settings: Settings, generator: torch.Generator
) -> Fit:
    components = components_of(energy)
    like = components.means
    size, steps = settings.batch_size, steps_of(data.rows, settings.batch_size)
    source = batches(data.rows, data.weight, size, settings.max_iter, generator, like.device)
    optimizer: torch.optim.Optimizer
    enough = [no_more_progress(steps, settings.tol) for _ in RATES]

    def stop(history: History) -> bool:
        if len(history) % steps == 0:
            renew_units(components)
        if enough[0](history):
            # to and fro at this rate: on at a smaller one
            del enough[0]
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * RATES[len(RATES) - len(enough) - 1]
        return not enough

    with (
        progress_bar("gradient", settings.max_iter * steps, settings.verbose) as progress,
        in_units_of_components(components),
    ):
        optimizer = torch.optim.Adam(components.parameters(), lr=settings.learning_rate)
        history = train(
            gradient_step(energy, PushDown(), optimizer),
            (batch._replace(y=batch.y.to(like)) for batch in source),
            generator,
            stop=stop,
            progress=progress,
        )
    epochs = -(-len(history) // steps)
    ended = epochs < settings.max_iter and _at_rest(energy, data, settings, generator)
    return Fit(ended, epochs, history.losses[-1])


def _at_rest(
    energy: FreeEnergy, data: Weighted, settings: Settings, generator: torch.Generator
) -> bool:
    """Whether expectation maximization has next to nothing to gain from here."""
    trial = copy.deepcopy(energy)
    step = em_step(trial, settings.covariance_type, settings.reg_covar)
    try:
        before, after = (float(step(data, generator).value) for _ in range(2))
    except InputError:  # a step from here ends in a plane: nowhere near the end
        return False
    return before - after <= AT_REST


@torch.no_grad()
def jitter(means: Tensor, variance: NDArray[np.float64], generator: torch.Generator) -> None:
    """Part components that a low beta has made one, for a higher one to tell apart."""
    noise = torch.randn(means.shape, generator=generator, dtype=torch.float64).to(means)
    means.add_(JITTER * torch.from_numpy(np.sqrt(variance)).to(means) * noise)
