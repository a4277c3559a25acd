"""Counting the rows whose solver did not converge, so that one warning can say it.

Solvers answer for whole batches, deep inside a question; whoever asks the question is the one to
warn. The count stays a tensor until somebody reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

_counts: ContextVar[list[Tensor] | None] = ContextVar("unconverged", default=None)


def note_converged(converged: Tensor) -> None:
    """Tell whoever counts which rows (n,) converged."""
    counts = _counts.get()
    if counts is None:
        return
    here = (~converged).sum()
    if counts and counts[0].device == here.device:
        # one number: small tensors between batches would keep memory from being given back
        counts[0] += here
    else:
        counts.insert(0, here)


@contextmanager
def count_unconverged() -> Iterator[list[Tensor]]:
    """While the block runs, count rows that did not converge: the sum of what is yielded."""
    counts: list[Tensor] = []
    token = _counts.set(counts)
    try:
        yield counts
    finally:
        _counts.reset(token)
