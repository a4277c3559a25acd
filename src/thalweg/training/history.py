"""What happened in training, step by step."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from thalweg.core import Loss

BLOCK = 32
"""Steps whose numbers are kept in one tensor"""

MOST = 10_000
"""Steps that are kept; of longer runs those at even distances"""

RECENT = 2000
"""The last of them, which are kept all"""


@dataclass
class History:
    """What happened, step by step. Tensors are read only when somebody asks.

    Of a run of more than 10,000 steps it keeps the last 2,000 and of those before every second,
    fourth, ..., so that the whole course stays and memory is bounded; ``steps`` says which.
    """

    values: list[Tensor] = field(default_factory=list)
    metrics: list[dict[str, Tensor]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """when each step ended, since the start"""
    _start: float = field(default_factory=time.perf_counter)
    steps: list[int] = field(default_factory=list)
    """which steps these are, from 1"""

    def __len__(self) -> int:
        """Steps that were made."""
        return self.steps[-1] if self.steps else 0

    @property
    def losses(self) -> list[float]:
        """The value of each step that is kept."""
        return [float(value) for value in self.values]

    def add(self, loss: Loss) -> None:
        """One more step."""
        self.steps.append(len(self) + 1)
        self.values.append(loss.value.detach())
        self.metrics.append(loss.metrics)
        self.seconds.append(time.perf_counter() - self._start)
        if len(self) % BLOCK == 0:
            self._gather()
        if len(self.steps) > MOST:
            self._thin()

    def _thin(self) -> None:
        """Leave out some of the older steps: which ones follows from how many there were."""
        stride = 1
        while len(self) > stride * MOST / 2:
            stride *= 2
        old = len(self.steps) - RECENT
        kept = [i for i, step in enumerate(self.steps) if i >= old or step % stride == 0]
        self.values = [self.values[i] for i in kept]
        self.metrics = [self.metrics[i] for i in kept]
        self.seconds = [self.seconds[i] for i in kept]
        self.steps = [self.steps[i] for i in kept]

    def _gather(self) -> None:
        """Put the last steps side by side: one number each, between the large tensors of every
        step, would keep the memory of those in pieces that nothing fits into again."""
        self.values[-BLOCK:] = _side_by_side(self.values[-BLOCK:])
        last = self.metrics[-BLOCK:]
        names = list(last[-1])
        if all(list(each) == names for each in last):
            columns = [_side_by_side([each[name] for each in last]) for name in names]
            self.metrics[-BLOCK:] = [
                dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)
            ] or last

    def recent(self, name: str, steps: int) -> Tensor | None:
        """A metric over the last steps (steps,), or None where it is not there."""
        if steps > min(len(self), len(self.steps)) or self.steps[-steps] != len(self) - steps + 1:
            return None
        last = [each[name] for each in self.metrics[-steps:] if name in each]
        return stacked(last).float() if len(last) == steps else None

    def state(self) -> dict[str, Any]:
        """As tensors, for a checkpoint."""
        names = list(self.metrics[-1]) if self.metrics else []
        unknown = torch.tensor(torch.nan)
        columns = [stacked([m.get(name, unknown) for m in self.metrics]).float() for name in names]
        return {
            "values": stacked(self.values).cpu() if self.values else torch.empty(0).double(),
            "names": names,
            "metrics": torch.stack(columns, 1).cpu() if names else torch.empty(len(self.steps), 0),
            "seconds": torch.tensor(self.seconds, dtype=torch.float64),
            "steps": torch.tensor(self.steps, dtype=torch.int64),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> History:
        """What :meth:`state` gave; the clock goes on."""
        seconds, steps = state["seconds"].tolist(), state["steps"].tolist()
        start = time.perf_counter() - (seconds[-1] if seconds else 0.0)
        metrics = [dict(zip(state["names"], row, strict=True)) for row in state["metrics"]]
        return cls(list(state["values"]), metrics, seconds, start, steps)


def stacked(values: list[Tensor]) -> Tensor:
    """Scalars as one tensor, where the last of them is: those of a checkpoint are on the CPU."""
    device = values[-1].device
    return torch.stack([value.to(device, torch.float64) for value in values])


def _side_by_side(values: list[Tensor]) -> list[Tensor]:
    """The same scalars as parts of one tensor, where they are of one kind."""
    kinds = {(value.device, value.dtype, value.shape) for value in values}
    return list(torch.stack(values).unbind()) if len(kinds) == 1 else values
