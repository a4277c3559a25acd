"""Rows in random order, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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


def batches_in_order(
    rows: Rows, weight: NDArray[np.float64] | None, size: int, like: torch.Tensor
) -> Iterator[Batch]:
    """Every row once as they come, on the device and of the type of ``like``.

    A batch that has no weight is left out.
    """
    for start in range(0, len(rows), size):
        index = np.arange(start, min(start + size, len(rows)))
        w = None if weight is None else torch.from_numpy(weight[index]).to(like.device)
        if w is None or bool(w.sum() > 0):
            yield Batch(torch.from_numpy(rows.take(index)).to(like), weight=w)


class Shuffled:
    """Positions of the rows of ``steps`` batches; each row once before any comes again.

    It can be resumed: its ``state_dict`` says how many batches it has given and where its generator
    stood when the present order was drawn.

    Parameters
    ----------
    n : int
        Rows.
    size : int
        Rows a batch, of all processes together.
    steps : int
        Batches.
    generator : torch.Generator
        Of the order alone.
    rank, processes : int
        Which part of every batch is this process's.
    """

    def __init__(
        self,
        n: int,
        size: int,
        steps: int,
        generator: torch.Generator,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self.n, self.size, self.steps = n, size, steps
        self.rank, self.processes = rank, processes
        self._generator = generator
        self._made = 0
        self._before_order = generator.get_state()

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        each = -(-self.n // self.size)
        self._generator.set_state(self._before_order)
        order = torch.randperm(self.n, generator=self._generator).numpy()
        while self._made < self.steps:
            place = self._made % each
            if place == 0 and self._made:
                self._before_order = self._generator.get_state()
                order = torch.randperm(self.n, generator=self._generator).numpy()
            part = order[place * self.size : (place + 1) * self.size]
            self._made += 1
            if len(part) < self.processes:
                # a row for each: the mean over none is not a number
                part = np.resize(part, self.processes)
            yield part[len(part) * self.rank // self.processes :][
                : len(part) * (self.rank + 1) // self.processes
                - len(part) * self.rank // self.processes
            ]

    def state_dict(self) -> dict[str, Any]:
        return {"made": self._made, "generator": self._before_order}

    def check(self, state: dict[str, Any]) -> None:
        """Hold the generator's state to be one; this order stays as it is."""
        torch.Generator(self._generator.device).set_state(state["generator"])

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._made, self._before_order = state["made"], state["generator"]


def random_positions(
    n: int, size: int, steps: int, generator: torch.Generator
) -> Iterator[NDArray[np.int64]]:
    """Those of :class:`Shuffled`, for a loop that is not resumed."""
    return iter(Shuffled(n, size, steps, generator))


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
