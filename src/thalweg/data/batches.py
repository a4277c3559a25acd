"""Rows in random order, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from thalweg.core import Batch
from thalweg.data.rows import Rows


def batches(
    rows: Rows,
    weight: NDArray[np.float64] | None,
    size: int,
    epochs: int,
    generator: torch.Generator,
    device: torch.device,
) -> Iterator[Batch]:
    """Every row once in each epoch, ``steps_of(rows, size)`` batches an epoch.

    In memory the order is random throughout. On disk the chunks come in random order and the rows
    of a chunk are shuffled, so that the file is read in long runs.
    """
    for _ in range(epochs):
        for index in _epoch(rows, size, generator):
            y = torch.from_numpy(rows.take(index)).to(device)
            w = None if weight is None else torch.from_numpy(weight[index]).to(device)
            yield Batch(y, weight=w)


def random_positions(
    n: int, size: int, steps: int, generator: torch.Generator
) -> Iterator[NDArray[np.int64]]:
    """Positions of the rows of ``steps`` batches; each row once before any comes again."""
    made = 0
    while made < steps:
        order = torch.randperm(n, generator=generator).numpy()
        for start in range(0, n, size):
            yield order[start : start + size]
            made += 1
            if made == steps:
                return


def steps_of(rows: Rows, size: int) -> int:
    """Batches an epoch."""
    return -(-len(rows) // size)


def _epoch(rows: Rows, size: int, generator: torch.Generator) -> Iterator[NDArray[np.int64]]:
    n = len(rows)
    if rows.on_disk:
        run = 64 * size
        starts = torch.randperm(-(-n // run), generator=generator) * run
        order = torch.cat(
            [s + torch.randperm(min(run, n - int(s)), generator=generator) for s in starts]
        ).numpy()
    else:
        order = torch.randperm(n, generator=generator).numpy()
    for start in range(0, n, size):
        yield order[start : start + size]
