"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from thalweg.core import Loss

B = TypeVar("B")
Step = Callable[[B, torch.Generator], Loss]
"""One move towards a better energy: a closed-form update or a gradient step."""


class Diverged(RuntimeError):
    """The loss is no longer a finite number."""


@dataclass
class History:
    """What happened, step by step. Tensors are read only when somebody asks."""

    values: list[Tensor] = field(default_factory=list)
    metrics: list[dict[str, Tensor]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """when each step ended, since the start"""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def losses(self) -> list[float]:
        """The value of each step."""
        return [float(value) for value in self.values]


def train(
    step: Step[B],
    batches: Iterable[B],
    generator: torch.Generator,
    stop: Callable[[History], bool] = lambda history: False,
    progress: Callable[[History], None] = lambda history: None,
    check_every: int = 10,
) -> History:
    """Take a step on each batch until the batches end or ``stop`` says so.

    Parameters
    ----------
    step : callable
        ``step(batch, generator)`` moves the model and returns a :class:`~thalweg.core.Loss`.
    batches : iterable
        What to learn from; its end is the end of training.
    generator : torch.Generator
        All randomness of the steps.
    stop : callable, optional
        Looks at the history after each step; True ends training.
    progress : callable, optional
        Looks at the history after each step, to show it.
    check_every : int, default 10
        The loss is held to be finite every so many steps (reading it may wait for the device).

    Returns
    -------
    History

    Raises
    ------
    Diverged
        If the loss is not finite; the message names the step.
    """
    history = History()
    start = time.perf_counter()
    for batch in batches:
        loss = step(batch, generator)
        history.values.append(loss.value.detach())
        history.metrics.append(loss.metrics)
        history.seconds.append(time.perf_counter() - start)
        if len(history) % check_every == 0:
            _check_finite(history, check_every)
        progress(history)
        if stop(history):
            break
    _check_finite(history, check_every)
    return history


def _check_finite(history: History, last: int) -> None:
    for back, value in enumerate(float(v) for v in reversed(history.values[-last:])):
        if not math.isfinite(value):
            raise Diverged(
                f"training diverged: the loss at step {len(history) - back} is {value}; "
                "expected a finite number (a smaller learning rate may help)"
            )
