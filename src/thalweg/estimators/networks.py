"""What estimators with networks share: units, seeds, what a checkpoint must match."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from torch import Tensor

from thalweg.data import Rows, Summary, fingerprint


def units(summary: Summary) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every column, 1 where it is constant: both (d,), float64."""
    spread = np.sqrt(summary.variance)
    spread[spread <= 1e-12 * np.maximum(np.abs(summary.mean), 1e-300)] = 1
    return torch.from_numpy(summary.mean), torch.from_numpy(spread)


def generators(
    random_state: int | np.random.RandomState | None,
) -> tuple[torch.Generator, torch.Generator]:
    """Two generators: of the model and its noise, and of the order of the rows.

    Processes that train together have the same order, and noise of their own.
    """
    seed = int(check_random_state(random_state).randint(0, 2**31 - 1))
    order = torch.Generator().manual_seed(seed + 1)
    return torch.Generator().manual_seed(seed), order


def own_noise(generator: torch.Generator, rank: int) -> torch.Generator:
    """The generator itself for the first process; for another one of its own."""
    return (
        generator if rank == 0 else torch.Generator().manual_seed(generator.initial_seed() + rank)
    )


def facts(model: BaseEstimator, rows: Rows) -> dict[str, Any]:
    """What has to be equal for a checkpoint to be of this run: the estimator, settings, data."""
    shown = {
        name: repr(value)
        for name, value in model.get_params(deep=False).items()
        if name not in ("device", "verbose")
    }
    return {"estimator": type(model).__name__, **shown, "data": fingerprint(rows)}


def averaging(n_steps: int) -> float:
    """The decay of a moving average of parameters over about the last tenth of the steps."""
    return 1 - 1 / max(2.0, n_steps / 10)
