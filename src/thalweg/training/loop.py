"""The training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TypeVar

import torch

from thalweg.core import Loss
from thalweg.training.checkpoint import Checkpoint
from thalweg.training.history import History, stacked

B = TypeVar("B")
Step = Callable[[B, torch.Generator], Loss]
"""One move towards a better energy: a closed-form update or a gradient step."""


class Diverged(RuntimeError):
    """The loss is no longer a finite number."""


def train(
    step: Step[B],
    batches: Iterable[B],
    generator: torch.Generator,
    stop: Callable[[History], bool] = lambda history: False,
    progress: Callable[[History], None] = lambda history: None,
    check_every: int = 10,
    checkpoint: Checkpoint | None = None,
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
    checkpoint : Checkpoint, optional
        Its parts restored; the history goes on from it, and it is written to as often as it says.

    Returns
    -------
    History

    Raises
    ------
    Diverged
        If the loss is not finite; the message names the step, and the last good checkpoint.
    """
    history = History() if checkpoint is None else checkpoint.history()
    for batch in batches:
        history.add(step(batch, generator))
        due = checkpoint is not None and checkpoint.after(history)
        if checkpoint is not None and due:
            _check_gradient(history, checkpoint)
        if due or len(history) % check_every == 0:
            _check_finite(history, check_every, checkpoint)
        progress(history)
        if checkpoint is not None and due:
            check_parameters_finite(checkpoint.not_finite(), len(history), checkpoint)
            checkpoint.save(history)
        if stop(history):
            break
    _check_finite(history, check_every, checkpoint)
    return history


def _check_gradient(history: History, checkpoint: Checkpoint) -> None:
    """Parameters that a gradient has spoiled must not be called good."""
    norm = history.metrics[-1].get("gradient_norm")
    if norm is not None and not math.isfinite(float(norm)):
        raise Diverged(
            f"training diverged: the gradient at step {len(history)} is {float(norm)}; expected a "
            f"finite one (a smaller learning rate may help). {_last(checkpoint)}"
        )


def check_parameters_finite(name: str | None, step: int, checkpoint: Checkpoint | None) -> None:
    """Parameters that the last step has spoiled must not be called good: none, or their name."""
    if name is not None:
        raise Diverged(
            f"training diverged: {name} after step {step} has values that are not finite; expected "
            f"finite ones (a smaller learning rate may help). {_last(checkpoint)}"
        )


def _last(checkpoint: Checkpoint | None) -> str:
    kept = None if checkpoint is None else checkpoint.latest()
    return "There is no checkpoint." if kept is None else f"The last good checkpoint is {kept}."


def _check_finite(history: History, last: int, checkpoint: Checkpoint | None) -> None:
    if len(history) == 0 or bool(stacked(history.values[-last:]).isfinite().all()):
        return
    values = [float(value) for value in history.values[-last:]]
    first = next(i for i, value in enumerate(values) if not math.isfinite(value))
    number = len(history) - len(values) + first + 1
    raise Diverged(
        f"training diverged: the loss at step {number} is {values[first]}; expected a finite "
        "number (a smaller learning rate may help). " + _last(checkpoint)
    )
