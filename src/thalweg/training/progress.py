"""Progress shown while training."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from thalweg.core import InputError, progress
from thalweg.training.history import History

MONITORS = ("gap", "acceptance")
"""What the bar says besides the loss."""


@contextmanager
def progress_bar(title: str, steps: int, shown: bool) -> Iterator[Callable[[History], None]]:
    """A bar on standard error that follows a :class:`History`; nothing if not ``shown``."""
    with progress(title, steps, shown, "loss") as bar:

        def follow(history: History) -> None:
            # a loss may wait for a device: show one in five
            text = ""
            if shown and len(history) % 5 == 1:
                text = f"{float(history.values[-1]):.5g}"
                last = history.metrics[-1]
                for name in MONITORS:
                    if name in last:
                        text += f" {name} {float(last[name]):.2f}"
            bar(len(history), text)

        yield follow


@contextmanager
def log_to(folder: str | os.PathLike[str] | None) -> Iterator[Callable[[History], None]]:
    """Write loss and monitors for TensorBoard, every ten steps; nothing without a folder."""
    if folder is None:
        yield lambda history: None
        return
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise InputError(
            "log_dir: writing for TensorBoard needs tensorboardX; expected thalweg[tensorboard] "
            "to be installed"
        ) from error
    with SummaryWriter(str(folder)) as writer:

        def follow(history: History) -> None:
            if len(history) % 10 == 0:
                writer.add_scalar("loss", float(history.values[-1]), len(history))
                for name, value in history.metrics[-1].items():
                    writer.add_scalar(name, float(value), len(history))

        yield follow
