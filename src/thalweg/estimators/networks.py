"""What estimators with networks share: units, seeds, what a checkpoint must match."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from torch import Tensor

from thalweg.core import Batch, Energy
from thalweg.data import Shuffled, Source, Summary
from thalweg.energies import MaskedPrediction
from thalweg.objectives import Objective
from thalweg.training import Hardware, History, Recipe, Run, fit


def units(summary: Summary) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every column, 1 where it is constant: both (d,), float64."""
    spread = np.sqrt(summary.variance)
    spread[spread <= 1e-12 * np.maximum(np.abs(summary.mean), 1e-300)] = 1
    return torch.from_numpy(summary.mean), torch.from_numpy(spread)


class Seeds(NamedTuple):
    """Where the randomness of a fit comes from."""

    model: torch.Generator
    """of initial weights and of the rows that are kept, on the CPU; the same in every process"""
    noise: torch.Generator
    """of the steps, on the device; of its own in every process"""
    order: torch.Generator
    """of the rows; the same in every process"""


def seeds(random_state: int | np.random.RandomState | None, hardware: Hardware) -> Seeds:
    """Three generators from what scikit-learn calls ``random_state``."""
    seed = int(hardware.from_first(check_random_state(random_state).randint(0, 2**31 - 1)))
    model, order = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed + 1)
    noise = torch.Generator(hardware.device).manual_seed(seed + 2 + hardware.rank)
    return Seeds(model, noise, order)


def fit_rows(
    model: Any,
    energy: Energy,
    objective: Objective,
    rows: Source,
    take: Callable[[Any], Batch],
    hardware: Hardware,
    found: Seeds,
    run: Run | None,
    *,
    clip: float | None = None,
    average: float | None = None,
    precision: str = "no",
) -> History:
    """Train an estimator's energy on its rows, by its own n_steps, batch_size, learning_rate."""
    order = Shuffled(
        len(rows), model.batch_size, model.n_steps, found.order, hardware.rank, hardware.size
    )
    recipe = Recipe(
        model.n_steps,
        model.learning_rate,
        clip,
        average,
        precision,
        facts=run_facts(model, rows),
    )
    return fit(
        energy, objective, take, order, recipe, found.noise,
        title=type(model).__name__, hardware=hardware, run=run, verbose=model.verbose > 0,
    )  # fmt: skip


def run_facts(model: BaseEstimator, rows: Source) -> dict[str, Any]:
    """What has to be equal for a checkpoint to be of this run: the estimator, settings, data."""
    shown = {
        # a RandomState moves on and has no name of its own
        name: type(value).__name__ if isinstance(value, np.random.RandomState) else repr(value)
        for name, value in model.get_params(deep=False).items()
        if name not in ("device", "verbose")
    }
    return {"estimator": type(model).__name__, **shown, "data": rows.fingerprint()}


def averaging(n_steps: int) -> float:
    """The decay of a moving average of parameters over about the last tenth of the steps."""
    return 1 - 1 / max(2.0, n_steps / 10)


@torch.no_grad()
def usual_errors(
    energy: MaskedPrediction,
    rows: Source,
    take: Callable[[Any], Batch],
    least: float = 1e-3,
    count: int = 4096,
) -> Tensor:
    """Root mean square of what the others leave unsaid of each column, at least so much: (d,).

    Over ``count`` random rows, or all of fewer.
    """
    total, visible = torch.zeros_like(energy.sigma), torch.zeros_like(energy.sigma)
    chosen = np.random.default_rng(0).permutation(len(rows))[:count]
    size = min(512, rows.chunk_rows)
    for start in range(0, len(chosen), size):
        y = take(np.sort(chosen[start : start + size])).y
        known = ~y.isnan()
        error = torch.where(known, torch.where(known, y, 0) - energy.from_others(y), 0)
        total, visible = total + error.square().sum(dim=0), visible + known.sum(dim=0)
    # a column that others say exactly keeps some room
    return (total / visible.clamp_min(1)).sqrt().clamp_min(least)
