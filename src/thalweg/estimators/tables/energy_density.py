"""A network as an energy, trained by any of the contrastive objectives or by score matching."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from thalweg import questions
from thalweg.core import (
    Choice,
    Either,
    Energy,
    Given,
    InputError,
    OneOf,
    Sizes,
    changed,
    generator_from,
    learned,
    parameter,
)
from thalweg.energies import ImageNetwork, NetworkEnergy, NoiseConditional, Perceptron, Rescaled
from thalweg.estimators.base.training import MixedPrecision
from thalweg.estimators.tables.chains import ChainSampledModel, LikelihoodMixin
from thalweg.objectives import DualScoreMatching, Objective
from thalweg.objectives.by_name import LOG_SMALLEST, MOVES, OBJECTIVES, SAMPLERS, Ingredients
from thalweg.objectives.imputed import without_imputation
from thalweg.samplers import LogZ, Sampler
from thalweg.training import Recipe
from thalweg.training.learn import averaging
from thalweg.training.start import Start, Units

STIFFNESS = 0.1
"""Of the parabola that makes exp(-F) integrable; in units of standardized rows"""

DETAIL = 8.0
CLIP = 1.0
"""The default recipe: wide first layer, averaged parameters, bounded gradients."""


class EnergyDensity(LikelihoodMixin, MixedPrecision, ChainSampledModel):
    r"""A network as the energy of a density, shaped by an objective of one's choice.

    .. math::
        p(y) = e^{-F(y)} / Z, \qquad F(y) = f(y) + \tfrac{k}{2} \|y\|^2

    Columns are standardized inside. By default the parameters end at their moving average and
    gradients are clipped, which is part of the recipe that lets every objective train unattended.
    Hidden (NaN) entries of the training rows are drawn in training, given the visible ones: chains
    that move under the energy as it becomes. Those of rows that are asked about are minimized out:
    the energy is that of the row as ``complete`` fills it in. There are no codes.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "A tutorial on energy-based learning" (2006); Song,
    Kingma, "How to train your energy-based models" (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import EnergyDensity
    >>> angle = np.random.default_rng(0).uniform(0, 6.3, 500)
    >>> X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    >>> model = EnergyDensity(n_steps=150, hidden=(32, 32), random_state=0).fit(X)
    >>> bool(model.energy([[1.0, 0.0]])[0] < model.energy([[0.0, 0.0]])[0])
    True
    """

    objective: str | Objective = parameter(
        "A word for one whose settings train unattended, or an objective for standardized rows.",
        Either(Choice(tuple(OBJECTIVES)), OneOf(Objective)),
        default="conditional-noise-contrastive",
        kw_only=False,
    )
    sampler: str | Sampler = parameter(
        "Of objectives with chains: a word, or a sampler.",
        Either(Choice(tuple(SAMPLERS)), OneOf(Sampler)),
        default="hmc",
    )
    hidden: tuple[int, ...] = parameter(
        "Widths of the hidden layers.", Sizes(high=1_000_000), default=(128, 128, 128)
    )
    image_shape: tuple[int, ...] | None = parameter(
        "(height, width) or (height, width, channels) of rows that are images; the network then "
        "has convolutions.",
        Sizes(none=True, high=1_000_000),
        default=None,
    )
    n_steps: int = changed(default=2000)
    batch_size: int = changed(default=256)

    energy_: Rescaled = learned()
    objective_: Objective = learned(
        "As it was after training (log Z of noise contrastive estimation, chains). Not saved."
    )

    _imputes = True

    def _objective(self, sample: Tensor) -> Objective:
        if isinstance(self.objective, DualScoreMatching):
            raise InputError(
                "EnergyDensity: objective is a DualScoreMatching, and the energy has to know its "
                "scales; expected the word 'dual-score-matching'"
            )
        if isinstance(self.objective, Objective):
            # what it learns and remembers belongs to this fit
            return copy.deepcopy(self.objective)
        word = self.sampler if isinstance(self.sampler, str) else ""
        sampler = SAMPLERS[word]() if word else self.sampler
        assert isinstance(sampler, Sampler)
        made = Ingredients(sample, sampler, MOVES.get(word, 10), self.batch_size)
        return OBJECTIVES[self.objective](made)

    @property
    def _by_scale(self) -> bool:
        return self.objective == "dual-score-matching"

    def _recipe(self, start: Start) -> Recipe:
        return replace(super()._recipe(start), clip=CLIP, average=averaging(self.n_steps))

    def _finish(self, start: Start, energy: Energy, objective: Objective) -> None:
        self.objective_ = without_imputation(objective)

    def _given(self) -> Tensor | None:
        return torch.full((1, 1), LOG_SMALLEST) if self._by_scale else None

    def _energy(self, d: int, generator: torch.Generator) -> Energy:
        if self.image_shape is not None:
            if math.prod(self.image_shape) != d or self._by_scale:
                raise InputError(
                    f"EnergyDensity: image_shape={self.image_shape!r} with {d} columns and "
                    f"objective={self.objective!r}; expected a shape with that product, and an "
                    "objective other than 'dual-score-matching'"
                )
            network: nn.Module = ImageNetwork(tuple(self.image_shape), generator=generator)
            return NetworkEnergy(network, STIFFNESS)
        sizes = (d + self._by_scale, *self.hidden, 1)
        network = Perceptron(sizes, generator=generator, detail=DETAIL)
        if self._by_scale:
            return NoiseConditional(network)
        return NetworkEnergy(network, STIFFNESS)

    def _in_units(self, energy: Energy, units: Units | None) -> Energy:
        if self._by_scale and units is not None:
            energy = Given(energy, torch.full((1, 1), LOG_SMALLEST, device=units.shift.device))
        return super()._in_units(energy, units)

    def _resumed(self, start: Start) -> Energy:
        energy = super()._resumed(start)
        return energy.energy if isinstance(energy, Given) else energy

    def log_normalizer(self, random_state: int | np.random.RandomState | None = 0) -> LogZ:
        """log Z of exp(-F) over rows in their own units, with its standard error.

        By a lattice of 512 points a side up to two columns, else by annealed importance sampling
        from a normal density as wide as the training rows.
        """
        rows = self._fillings().double()
        energy = copy.deepcopy(self.energy_).double()
        return questions.log_normalizer(energy, rows, generator_from(random_state, rows.device))
