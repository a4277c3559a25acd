"""Objectives by name, each with the settings that train unattended on standardized rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from thalweg.energies import Normal
from thalweg.objectives.base import Objective
from thalweg.objectives.contrastive_divergence import ContrastiveDivergence
from thalweg.objectives.discrete import MinimumProbabilityFlow, PseudoLikelihood, RatioMatching
from thalweg.objectives.likelihood import Drawn, EveryState, Lattice, MaximumLikelihood
from thalweg.objectives.margin import Hinge, LogLoss, SquareExponential, SquareSquare
from thalweg.objectives.negatives import FromChains, FromData
from thalweg.objectives.noise_contrastive import (
    ConditionalNoiseContrastive,
    InfoNCE,
    NoiseContrastive,
)
from thalweg.objectives.score_matching import (
    DenoisingScoreMatching,
    DualScoreMatching,
    ScoreMatching,
    SlicedScoreMatching,
)
from thalweg.samplers import HMC, MALA, BlockGibbs, Langevin, RandomWalk, Sampler

SAMPLERS: dict[str, Callable[[], Sampler]] = {
    "hmc": lambda: HMC(0.1, n_steps=5, jitter=0.5),
    "mala": lambda: MALA(0.01),
    "langevin": lambda: Langevin(0.005),
    "random-walk": lambda: RandomWalk(0.1),
}
"""Samplers by name; each step is about as long as the finest detail of standardized rows."""

MOVES = {"hmc": 2}
"""Steps of a chain in each step of training, 10 where nothing else is said."""

KICKS = (0.05, 0.2, 0.6, 2.0)
"""Noise scales that reach from within a valley to beyond the data."""

SMALLEST = 0.02
LARGEST = 10.0
"""Scales of noise on standardized rows, for one energy of all scales."""


@dataclass(frozen=True)
class Ingredients:
    """What an objective may be made of."""

    sample: Tensor
    """(n, d), standardized rows"""
    sampler: Sampler
    n_steps: int
    """of each chain"""
    batch_size: int = 256
    noise: Normal = field(init=False)
    """as wide as the data in every direction"""

    def __post_init__(self) -> None:
        y = self.sample.double()
        d = y.shape[1]
        covariance = (y - y.mean(dim=0)).T @ (y - y.mean(dim=0)) / len(y)
        covariance += 0.01 * torch.eye(d, dtype=torch.float64, device=y.device)
        object.__setattr__(self, "noise", Normal(y.mean(dim=0).float(), covariance.float()))

    def chains(self) -> FromChains:
        """Chains that go on. Those that start anew start at the data: kicked far away they push up
        where no chain would ever be."""
        return FromChains(
            self.sampler, self.n_steps, size=max(2048, self.batch_size), reseeded=0.01, kick=0.1
        )

    def kicked(self) -> FromData:
        """Chains from the data, after kicks that leave their valley or all of them."""
        return FromData(self.sampler, self.n_steps, kick=KICKS)


def _likelihood(made: Ingredients) -> Objective:
    if made.sample.shape[1] <= 2:
        return MaximumLikelihood(Lattice())
    return MaximumLikelihood(Drawn(made.noise, 2048))


OBJECTIVES: dict[str, Callable[[Ingredients], Objective]] = {
    "maximum-likelihood": _likelihood,
    # without bounds on the energies the kicked chains, far up, would be pushed up for ever
    "contrastive-divergence": lambda made: ContrastiveDivergence(made.kicked(), 0.05),
    "persistent-contrastive-divergence": lambda made: ContrastiveDivergence(made.chains()),
    "noise-contrastive": lambda made: NoiseContrastive(made.noise),
    "conditional-noise-contrastive": lambda made: ConditionalNoiseContrastive(KICKS),
    "info-nce": lambda made: InfoNCE(made.noise, 1024),
    "hinge": lambda made: Hinge(made.kicked()),
    "log": lambda made: LogLoss(made.kicked()),
    "square-square": lambda made: SquareSquare(made.kicked()),
    "square-exponential": lambda made: SquareExponential(made.kicked()),
    "score-matching": lambda made: ScoreMatching(noise=0.02),
    "sliced-score-matching": lambda made: SlicedScoreMatching(noise=0.02),
    "denoising-score-matching": lambda made: DenoisingScoreMatching(0.05),
    "dual-score-matching": lambda made: DualScoreMatching(SMALLEST, LARGEST),
}
"""The objectives of :class:`~thalweg.estimators.EnergyDensity`."""

LOG_SMALLEST = math.log(SMALLEST)

FOR_BOLTZMANN: dict[str, Callable[[int, int], Objective]] = {
    "persistent-contrastive-divergence": lambda k, n: ContrastiveDivergence(
        FromChains(BlockGibbs(), k, size=max(2048, n), reseeded=0.0, kick=0.0)
    ),
    "contrastive-divergence": lambda k, n: ContrastiveDivergence(FromData(BlockGibbs(), k)),
    "pseudo-likelihood": lambda k, n: PseudoLikelihood(),
    "ratio-matching": lambda k, n: RatioMatching(),
    "minimum-probability-flow": lambda k, n: MinimumProbabilityFlow(),
    "maximum-likelihood": lambda k, n: MaximumLikelihood(EveryState()),
}
"""Those of :class:`~thalweg.estimators.BernoulliRBM`, by Gibbs steps and rows of a batch."""
