"""What estimators with networks share: standardized columns, batches, Adam, one number of steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import Batch, Energy
from thalweg.data import Rows, Summary, random_positions
from thalweg.objectives import Objective
from thalweg.training import History, gradient_step, train
from thalweg.training.progress import progress_bar


def units(summary: Summary) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every column, 1 where it is constant: both (d,), float64."""
    spread = np.sqrt(summary.variance)
    spread[spread <= 1e-12 * np.maximum(np.abs(summary.mean), 1e-300)] = 1
    return torch.from_numpy(summary.mean), torch.from_numpy(spread)


def random_batches(
    rows: Rows,
    given: NDArray[np.floating] | None,
    size: int,
    steps: int,
    generator: torch.Generator,
    to_units: Any,
) -> Any:
    """``steps`` batches, in fresh random order every time all rows were seen."""
    for index in random_positions(len(rows), size, steps, generator):
        yield to_units(rows.take(index), None if given is None else given[index])


def adam(
    groups: list[dict[str, Any]], steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Adam with learning rates that rise over the first steps and fall to 0 at the end."""
    optimizer = torch.optim.Adam(groups)
    warm = max(1, min(100, steps // 10))

    def share(i: int) -> float:
        fall = 0.5 * (1 + math.cos(math.pi * min(i / max(steps, 1), 1)))
        return min((i + 1) / warm, fall)

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, share)


def fit_network(
    energy: Energy,
    objective: Objective,
    batches: Any,
    *,
    steps: int,
    learning_rate: float,
    generator: torch.Generator,
    title: str,
    verbose: bool,
    after_step: Any = None,
) -> History:
    """Take ``steps`` steps of Adam on the objective, with :func:`adam`'s schedule."""
    parameters = [p for p in (*energy.parameters(), *objective.parameters()) if p.requires_grad]
    optimizer, schedule = adam([{"params": parameters, "lr": learning_rate}], steps)
    inner = gradient_step(energy, objective, optimizer, schedule)

    def step(batch: Batch, generator: torch.Generator) -> Any:
        loss = inner(batch, generator)
        if after_step is not None:
            after_step(batch, generator)
        return loss

    energy.train()
    with progress_bar(title, steps, verbose) as progress:
        history = train(step, batches, generator, progress=progress)
    energy.eval()
    return history
