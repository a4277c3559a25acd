"""A run that somebody watches: a bar, a log, warnings, and parameters that have to end finite."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack

import torch

from thalweg.core import Batch, Energy
from thalweg.training.checkpoint import Checkpoint
from thalweg.training.history import History
from thalweg.training.loop import Step, check_parameters_finite, train
from thalweg.training.monitors import Watch
from thalweg.training.progress import log_to, progress_bar


def train_watched(
    step: Step[Batch],
    batches: Iterable[Batch],
    generator: torch.Generator,
    *,
    title: str,
    n_steps: int,
    shown: bool,
    log_dir: str | os.PathLike[str] | None = None,
    checkpoint: Checkpoint | None = None,
    stop: Callable[[History], bool] = lambda history: False,
) -> History:
    """As :func:`train`, called ``title`` by the bar and by warnings."""
    watch = Watch(title)
    with ExitStack() as stack:
        bar = stack.enter_context(progress_bar(title, n_steps, shown))
        log = stack.enter_context(log_to(log_dir))

        def follow(history: History) -> None:
            bar(history)
            log(history)
            watch(history)

        return train(step, batches, generator, stop, follow, checkpoint=checkpoint)


def check_ended_finite(
    energy: Energy, history: History, checkpoint: Checkpoint | None = None
) -> None:
    """The last step, whose loss nobody looks at any more, has not spoiled a parameter."""
    spoiled = (n for n, p in energy.named_parameters() if not bool(p.isfinite().all()))
    check_parameters_finite(next(spoiled, None), len(history), checkpoint)
