"""Progress shown while training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from thalweg.core import progress
from thalweg.training.loop import History


@contextmanager
def progress_bar(title: str, steps: int, shown: bool) -> Iterator[Callable[[History], None]]:
    """A bar on standard error that follows a :class:`History`; nothing if not ``shown``."""
    with progress(title, steps, shown, "energy") as bar:

        def follow(history: History) -> None:
            # a loss may wait for a device: show one in five
            text = f"{history.losses[-1]:.6g}" if shown and len(history) % 5 == 1 else ""
            bar(len(history), text)

        yield follow
