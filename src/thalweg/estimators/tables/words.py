"""Words of a table in the energy of an estimator: minus the log of their probability."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import Energy, Indicators, Layout
from thalweg.energies import (
    BySquares,
    Cost,
    Reconstruction,
    SquaredError,
    TableCost,
    WordLogits,
    WordProbabilities,
)
from thalweg.energies.worded import Worded
from thalweg.estimators.tables.space import RowSpace
from thalweg.latents import Encoder, FreeEnergy

LEAST_ENTROPY = 0.3
"""Nats: a word that is nearly always the same counts no more than by this"""


def layout_of(space: RowSpace) -> Layout | None:
    """Where the words of a table are; None where there are none, or no table."""
    if space.schema is None or not space.schema.layout.words or not space.schema.has_energies:
        return None
    return space.schema.layout


def entropies(space: RowSpace) -> NDArray[np.float64]:
    """-sum p log p of each word by itself, as it was in training: (words,)."""
    assert space.schema is not None
    parts = [space.schema.prior[start:stop] for start, stop in space.schema.layout.words]
    return np.array([-(p * np.log(p)).sum() for p in parts])


def table_cost(
    space: RowSpace, numbers: Cost, like: Tensor, about: Tensor | None = None
) -> TableCost:
    """The cost of rows of a table, seen from the row ``about``, whose numbers cost so much.

    Beside squares of s (y - y')^2 a word weighs s over its entropy: where a model knows nothing but
    how frequent words are, it costs as much in the mean as a number of variance 1 does. Beside a
    likelihood it weighs 1.
    """
    schema = space.schema
    assert schema is not None
    shift, unit = _units(space)
    if about is not None:
        shift = shift + unit * about.double().cpu()
    prior = torch.from_numpy(schema.prior)
    words = WordProbabilities(schema.layout, prior, shift=shift, unit=unit)
    return TableCost(numbers, words, torch.from_numpy(_weights(space, numbers))).to(like)


def logits_of(space: RowSpace) -> WordLogits:
    """Probabilities of words for networks: a softmax of what they predict."""
    assert space.schema is not None
    shift, unit = _units(space)
    prior = torch.from_numpy(space.schema.prior)
    return WordLogits(space.schema.layout, prior, shift=shift, unit=unit).float()


def network_cost(space: RowSpace, numbers: Cost) -> Cost:
    """The cost that a network learns, and is asked: of words the logs of its softmax."""
    if layout_of(space) is None:
        return numbers
    weight = _weights(space, numbers)
    return TableCost(numbers, logits_of(space), torch.from_numpy(weight).float())


def _weights(space: RowSpace, numbers: Cost) -> NDArray[np.float64]:
    scale = numbers.scale_of_squares()
    if isinstance(numbers, SquaredError) and scale is not None:
        return np.asarray(float(scale) / np.maximum(entropies(space), LEAST_ENTROPY))
    return np.ones(len(entropies(space)))


def _units(space: RowSpace) -> tuple[Tensor, Tensor]:
    assert space.schema is not None
    if space.scaling is None:
        width = space.schema.layout.width
        return torch.zeros(width, dtype=torch.float64), torch.ones(width, dtype=torch.float64)
    return torch.from_numpy(space.scaling.shift), torch.from_numpy(space.scaling.scale)


def indicators_of(space: RowSpace, like: Tensor) -> Indicators:
    """Where words are in rows of the energy's units."""
    assert space.schema is not None
    shift, unit = (each.to(like) for each in _units(space))
    off = -shift / unit
    return Indicators(space.schema.layout.words, off, off + 1 / unit)


def with_words(
    free: FreeEnergy, space: RowSpace, like: Tensor, about: Tensor | None = None
) -> FreeEnergy:
    """A reconstruction that learned words as indicators, asked what they cost: changed in place.

    Words cost -log p by what it predicts for their indicators, which is an estimate of their
    probabilities; codes are those of least squares, unless an encoder finds them. ``about`` is what
    was taken off the rows that it sees.
    """
    if layout_of(space) is None:
        return free
    assert isinstance(free.energy, Reconstruction)
    free.energy.cost = table_cost(space, free.energy.cost, like, about)
    if not isinstance(free.solver, Encoder):
        free.solver = BySquares(free.solver)
    return free


def without_words(free: FreeEnergy) -> FreeEnergy:
    """What :func:`with_words` changed, changed back, to learn on: in place."""
    if isinstance(free.energy, Reconstruction) and isinstance(free.energy.cost, TableCost):
        free.energy.cost = free.energy.cost.numbers
        if isinstance(free.solver, BySquares):
            free.solver = free.solver.inner
    return free


def worded(energy: Energy, space: RowSpace, like: Tensor) -> Energy:
    """The energy, which knows where words are, so that what fills it in changes whole ones."""
    if layout_of(space) is None or energy.indicators is not None:
        return energy
    return Worded(energy, indicators_of(space, like))
