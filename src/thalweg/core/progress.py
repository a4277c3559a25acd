"""A bar for work that takes long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(
    title: str, steps: int, shown: bool, label: str = ""
) -> Iterator[Callable[[int, str], None]]:
    """A bar on standard error; what it yields takes the steps done and a text behind ``label``.

    Nothing is shown, and nothing imported, if not ``shown``.
    """
    if not shown:
        yield lambda done, text: None
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
        TextColumn("{task.fields[text]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=steps, text=label)

        def follow(done: int, text: str) -> None:
            bar.update(task, completed=done)
            if text:
                bar.update(task, text=f"{label} {text}")

        yield follow
