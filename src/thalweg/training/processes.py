"""Several processes that train one model, each on its share of the rows."""

from __future__ import annotations

import os
from typing import Any, Protocol

import numpy as np
import torch
import torch.distributed
from numpy.typing import NDArray
from torch import Tensor


class Processes(Protocol):
    """The group of processes that train together."""

    rank: int
    size: int
    device: torch.device | None
    """this process's, where a launcher gave it one"""

    def mean(self, value: Tensor) -> Tensor:
        """The mean over processes."""

    def total(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum over processes."""

    def from_first(self, value: Any) -> Any:
        """What the first process has."""

    def gather(self, value: Any) -> list[Any]:
        """What each process has, in order."""


class Alone:
    """One process."""

    rank = 0
    size = 1
    device: torch.device | None = None

    def mean(self, value: Tensor) -> Tensor:
        return value

    def total(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        return value

    def from_first(self, value: Any) -> Any:
        return value

    def gather(self, value: Any) -> list[Any]:
        return [value]


class Launched:
    """The processes that ``accelerate launch`` or ``torchrun`` started."""

    def __init__(self, device: str) -> None:
        from accelerate import PartialState

        state = PartialState(cpu=device == "cpu")
        self.rank: int = state.process_index
        self.size: int = state.num_processes
        self.device: torch.device | None = state.device

    def mean(self, value: Tensor) -> Tensor:
        result = value.clone()
        torch.distributed.all_reduce(result)
        return result / self.size

    def total(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        tensor = torch.from_numpy(np.ascontiguousarray(value)).to(self.device)
        torch.distributed.all_reduce(tensor)
        return np.asarray(tensor.cpu().numpy())

    def from_first(self, value: Any) -> Any:
        box = [value]
        torch.distributed.broadcast_object_list(box, src=0)
        return box[0]

    def gather(self, value: Any) -> list[Any]:
        boxes: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(boxes, value)
        return boxes


def processes(device: str) -> Processes:
    """The group this process belongs to, as the launcher's environment tells it."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return Launched(device)
    return Alone()


def share(n: int, group: Processes) -> tuple[int, int]:
    """The range of n rows that is this process's."""
    return n * group.rank // group.size, n * (group.rank + 1) // group.size
