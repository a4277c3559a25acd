"""A bar for work that takes long."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINES = 20
"""Of a log, for all of the work"""


@contextmanager
def progress(
    title: str, steps: int, shown: bool, label: str = ""
) -> Iterator[Callable[[int, str], None]]:
    """A bar on standard error; what it yields takes the steps done and a text behind ``label``.

    Where that is no terminal, a line for every twentieth of the steps. Nothing is shown, and
    nothing imported, if not ``shown``.
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

    console = Console(stderr=True)
    if not console.is_terminal:
        # of a log, which has no lines to write over
        yield _lines(title, steps, label)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[text]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=steps, text=label)

        def follow(done: int, text: str) -> None:
            bar.update(task, completed=done)
            if text:
                bar.update(task, text=f"{label} {text}")

        yield follow


def _lines(title: str, steps: int, label: str) -> Callable[[int, str], None]:
    begun, said, last = time.monotonic(), 0, ""

    def follow(done: int, text: str) -> None:
        nonlocal said, last
        last = text or last
        if (part := LINES * done // max(steps, 1)) > said:
            said = part
            known = ", " + f"{label} {last}".strip() if last else ""
            spent = time.monotonic() - begun
            sys.stderr.write(f"{title}: {done} of {steps}{known}, {spent:.0f} s\n")
            sys.stderr.flush()

    return follow
