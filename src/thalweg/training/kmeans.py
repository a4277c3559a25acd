"""Fitting a K-means energy, three ways through the one loop."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.data import Rows, Summary, batches, steps_of
from thalweg.latents import FreeEnergy
from thalweg.objectives import PushDown
from thalweg.training.history import History
from thalweg.training.lloyd import lloyd_step
from thalweg.training.loop import train
from thalweg.training.minibatch import MiniBatchStep
from thalweg.training.partition import ChunkedPartition, weighted_sum
from thalweg.training.partitions import partition
from thalweg.training.processes import Alone, Processes, share
from thalweg.training.progress import progress_bar
from thalweg.training.steps import gradient_step
from thalweg.training.stopping import no_more_progress


@dataclass(frozen=True)
class Settings:
    """How to fit."""

    algorithm: str
    max_iter: int
    tol: float
    move_tol: float
    """total squared movement of the points below which Lloyd ends"""
    batch_size: int
    learning_rate: float
    verbose: bool


@dataclass(frozen=True)
class Fit:
    """A fitted K-means energy."""

    energy: FreeEnergy
    labels: NDArray[np.int32]
    inertia: float
    n_iter: int
    history: History


def fit(
    energy: FreeEnergy,
    rows: Rows,
    weight: NDArray[np.float64] | None,
    summary: Summary,
    settings: Settings,
    generator: torch.Generator,
    group: Processes | None = None,
) -> Fit:
    """Train the points of ``energy``, in place, from where they are."""
    group = Alone() if group is None else group
    centers = next(energy.parameters())
    if settings.algorithm == "lloyd":
        return _by_lloyd(energy, centers, rows, weight, summary, settings, generator, group)
    return _by_batches(energy, centers, rows, weight, settings, generator)


def _by_lloyd(
    energy: FreeEnergy,
    centers: Tensor,
    rows: Rows,
    weight: NDArray[np.float64] | None,
    summary: Summary,
    settings: Settings,
    generator: torch.Generator,
    group: Processes,
) -> Fit:
    total = float(len(rows)) if weight is None else float(weight.sum())
    if group.size > 1:
        start, stop = share(len(rows), group)
        rows = rows.between(start, stop)
        weight = None if weight is None else weight[start:stop]
        summary = rows.summary()
    parts = partition(rows, summary, energy, centers, weight)

    def settled(history: History) -> bool:
        last = history.metrics[-1]
        return int(last["changed"]) == 0 or float(last["shift"]) <= settings.move_tol

    with progress_bar("K-means", settings.max_iter, settings.verbose) as progress:
        history = train(
            lloyd_step(centers, group, total),
            itertools.repeat(parts, settings.max_iter),
            generator,
            stop=settled,
            progress=progress,
        )
    labels, lowest = parts.outcome(centers)
    inertia = float(group.total(np.array([weighted_sum(lowest, weight)]))[0])
    labels = np.concatenate(group.gather(labels)) if group.size > 1 else labels
    return Fit(energy, labels, inertia, len(history), history)


def _by_batches(
    energy: FreeEnergy,
    centers: Tensor,
    rows: Rows,
    weight: NDArray[np.float64] | None,
    settings: Settings,
    generator: torch.Generator,
) -> Fit:
    steps = steps_of(rows, settings.batch_size)
    step: Callable
    if settings.algorithm == "minibatch":
        step = MiniBatchStep(energy, centers)
    else:
        # the gradient of the mean energy at a point with 1/k of the rows is 2/k (point - mean)
        rate = settings.learning_rate * len(centers) / 2
        step = gradient_step(energy, PushDown(), torch.optim.SGD([centers], lr=rate))
    with progress_bar("K-means", settings.max_iter * steps, settings.verbose) as progress:
        history = train(
            step,
            batches(
                rows, weight, settings.batch_size, settings.max_iter, generator, centers.device
            ),
            generator,
            stop=no_more_progress(steps, settings.tol),
            progress=progress,
        )
    parts = ChunkedPartition(rows, energy, weight)
    labels, lowest = parts.outcome(centers)
    return Fit(energy, labels, weighted_sum(lowest, weight), -(-len(history) // steps), history)
