"""When training by batches has nothing more to gain."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from thalweg.training.history import History

PATIENCE = 3
"""Epochs without progress after which training ends."""


def no_more_progress(steps: int, tol: float) -> Callable[[History], bool]:
    """Whether the last few epochs together lowered the mean loss by less than its share tol.

    Parameters
    ----------
    steps : int
        Steps an epoch.
    tol : float
        0 never ends while there is any progress.
    """
    means: list[float] = []
    total: Tensor | float = 0.0

    def stop(history: History) -> bool:
        nonlocal total
        # the history of a long epoch does not have every step
        total = total + history.values[-1].double()
        if len(history) % steps:
            return False
        means.append(float(total) / steps)
        total = 0.0
        if len(means) <= PATIENCE:
            return False
        before, now = min(means[:-PATIENCE]), min(means[-PATIENCE:])
        return before - now <= tol * abs(before)

    return stop
