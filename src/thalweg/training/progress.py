"""Progress shown while training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from thalweg.training.loop import History


@contextmanager
def progress_bar(title: str, steps: int, shown: bool) -> Iterator[Callable[[History], None]]:
    """A bar on standard error that follows a :class:`History`; nothing if not ``shown``."""
    if not shown:
        yield lambda history: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("energy {task.fields[energy]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=steps, energy="")

        def follow(history: History) -> None:
            bar.update(task, completed=len(history))
            if len(history) % 5 == 1:
                bar.update(task, energy=f"{history.losses[-1]:.6g}")

        yield follow
