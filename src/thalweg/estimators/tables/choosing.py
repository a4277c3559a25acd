"""Which energies fill gaps in, by cells that are hidden to try them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone

from thalweg.core import Energy, InputError
from thalweg.energies import Blend
from thalweg.estimators.tables.mixture import GaussianMixture
from thalweg.estimators.tables.pca import PCA
from thalweg.estimators.tables.recovery import Trial
from thalweg.estimators.tables.space import Prepared

SIZES = (1, 2, 5, 10, 20, 40)
"""Components of mixtures that are tried"""

FLOORS = (1e-1, 1e-2, 1e-3, 1e-4)
"""What is added to covariances: the second with all sizes, the third with the best of them and its
neighbours; of what was better then, the next as well"""

WORSE, IN_A_ROW = 1.15, 2
"""Times the best error from which on no more are tried, and how many larger mixtures that are worse
than the best are enough"""

POOLED = 8
"""Mixtures whose mean is taken in the end, where all rows were tried"""

NEAREST = 10
"""Neighbours whose mean is taken"""

SPREAD_DRAWS, SPREAD_ROWS = 20, 600
"""Fillings, and rows, that their spread is held against what was there by"""

NINE_IN_TEN = 1.645
"""Standard deviations from the mean that nine in ten of a normal variable are within"""

FEW = 30
"""Rows below which nothing is chosen"""

WIDE = 400
"""Numbers in a row above which planes take the place of mixtures"""

PLANES, ROUNDS = (2, 5, 10, 20), 10
"""Of so many directions, found in so many rounds"""


class Tried(NamedTuple):
    """A candidate, what it put in where cells were hidden, and how far off that was."""

    model: Any
    energy: Energy
    """as it was tried"""
    filled: NDArray[np.float64]
    error: float


def tried_by(trial: Trial, model: Any) -> Tried:
    filled = trial.filled(model)
    return Tried(model, model.energy_, filled, trial.error(filled))


def spread_of(
    trial: Trial,
    energies: list[Energy],
    shares: NDArray[np.float64],
    blend: NDArray[np.float64],
    seed: int,
) -> float:
    """What draws have to be wider than the energies' own, so that nine in ten hold what was there.

    By the cells that were hidden: how far off their fillings are, in units of their draws' spread.
    """
    y = torch.from_numpy(trial.given.rows.values).to(next(energies[0].parameters()))
    rows = torch.from_numpy(trial.asked.any(axis=1))[: len(y)]
    rows[SPREAD_ROWS:] = False
    if not bool(rows.any()):
        return 1.0
    at = torch.from_numpy(shares).to(y)
    with torch.no_grad():
        generator = torch.Generator(y.device).manual_seed(seed)
        part = y[rows.to(y.device)]
        view = Blend(energies, at).restricted(~part.isnan())
        drawn = None if view is None else view.draw_fillings(part, SPREAD_DRAWS, generator)
    if drawn is None:
        return 1.0
    width = drawn.double().std(dim=0).cpu().numpy()
    chosen = rows.numpy()
    asked = trial.asked[chosen] & ~trial.words & (width > 0)
    away = abs(blend[chosen] - np.where(asked, trial.whole[chosen], 0))[asked] / width[asked]
    if len(away) < FEW:
        return 1.0
    return float(np.clip(np.quantile(away, 0.9) / NINE_IN_TEN, 0.5, 20))


def best_mixture(trial: Trial, prepared: Prepared, seed: int) -> Tried | None:
    """The mixture that fills best, or of wide rows the plane; None where none can be fitted."""
    numbers = prepared.rows.n_columns
    schema = prepared.space.schema
    if schema is not None:
        numbers = len(schema.layout.numbers)
    n = len(trial.whole)
    if numbers > WIDE:
        planes = (PCA(k, max_iter=ROUNDS) for k in PLANES if k < min(n, prepared.rows.n_columns))
        return _rising(trial, planes)

    def of(k: int, floor: float) -> GaussianMixture:
        # pooled, as in the end: what one alone has by heart, several average out
        pooled = POOLED // 2 if k > 1 else 1
        return GaussianMixture(k, reg_covar=floor, n_pooled=pooled, random_state=seed)

    sizes = [k for k in SIZES if 1.5 * k * max(numbers, 1) <= n or k == 1]
    if n < FEW:
        return _best(trial, [of(1, FLOORS[1])])
    highest, high, low, lowest = FLOORS
    best = _rising(trial, (of(k, high) for k in sizes))
    if best is None:
        return None
    at = sizes.index(best.model.n_components)
    # the smaller neighbour before the larger, which takes longer
    near = sizes[at : at + 1] + sizes[max(0, at - 1) : at] + sizes[at + 1 : at + 2]
    found = _best(trial, (of(k, low) for k in near), best) or best
    further = highest if found is best else lowest
    return _best(trial, [of(found.model.n_components, further)], found)


def _best(trial: Trial, models: Iterable[Any], best: Tried | None = None) -> Tried | None:
    """The model that fills best; no more are tried after one that is far worse."""
    for found in _each(trial, models):
        if best is None or found.error < best.error:
            best = found
        elif found.error > WORSE * best.error:
            break
    return best


def _rising(trial: Trial, models: Iterable[Any]) -> Tried | None:
    """The same of ever larger models: no more are tried where they grow worse."""
    best, since = None, 0
    for found in _each(trial, models):
        if best is None or found.error < best.error:
            best, since = found, 0
        else:
            since += 1
        if since == IN_A_ROW:
            break
    return best


def _each(trial: Trial, models: Iterable[Any]) -> Iterator[Tried]:
    for model in models:
        # there may be rows that this one cannot be fitted to
        with suppress(InputError):
            yield tried_by(trial, model)


def in_the_end(model: Any, more: float) -> Any:
    """The model that learns from all rows, ``more`` times as many as it was tried on.

    What more rows can bear is more components; and the fewer rows, the more starts are pooled.
    """
    again = clone(model)
    if not isinstance(model, GaussianMixture):
        return again
    k, times = model.n_components, more ** (2 / 3)
    if k == 1:
        # which has one answer
        return again
    return again.set_params(n_components=round(k * times), n_pooled=max(1, round(POOLED / times)))
