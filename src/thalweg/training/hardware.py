"""Where training runs: precision, and the processes that train one model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from thalweg.core import InputError

PRECISIONS = ("no", "bf16", "fp16")


class Hardware:
    """Device, precision and processes, by accelerate where there is more than one plain process.

    Parameters
    ----------
    device : str, default "cpu"
    precision : {"no", "bf16", "fp16"}, default "no"
        Type of the large products; parameters stay in single precision.
    """

    def __init__(self, device: str = "cpu", precision: str = "no") -> None:
        if precision not in PRECISIONS:
            raise InputError(f"precision must be one of {PRECISIONS}, got {precision!r}")
        self._accelerator: Any = None
        self.device = torch.device(device)
        if precision != "no" or int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from accelerate import Accelerator
            from accelerate.state import AcceleratorState

            # it remembers the precision of the last model of this process, and refuses another
            AcceleratorState._reset_state()
            cpu = self.device.type == "cpu"
            self._accelerator = Accelerator(cpu=cpu, mixed_precision=precision)
            self.device = self._accelerator.device
        self._scaler = getattr(self._accelerator, "scaler", None)

    @property
    def rank(self) -> int:
        return 0 if self._accelerator is None else int(self._accelerator.process_index)

    @property
    def size(self) -> int:
        return 1 if self._accelerator is None else int(self._accelerator.num_processes)

    def autocast(self) -> AbstractContextManager[Any]:
        """Inside, large products are taken in the precision asked for."""
        return nullcontext() if self._accelerator is None else self._accelerator.autocast()

    def backward(self, value: Tensor) -> None:
        """The gradient of a loss, scaled where half precision needs it."""
        if self._accelerator is None:
            value.backward()
        else:
            self._accelerator.backward(value)

    def share_gradients(self, parameters: Sequence[Tensor], optimizer: Any) -> None:
        """The mean of the gradients of all processes, in each of them."""
        if self.size > 1:
            self._average(parameters)
        if self._scaler is not None:
            self._scaler.unscale_(optimizer)

    def _average(self, parameters: Sequence[Tensor]) -> None:
        known = [p for p in parameters if p.grad is not None]
        joined = torch.cat([p.grad.flatten() for p in known if p.grad is not None])
        joined = self._accelerator.reduce(joined, "mean")
        for p, part in zip(known, joined.split([p.numel() for p in known]), strict=True):
            p.grad = part.reshape(p.shape)

    def from_first(self, value: Any) -> Any:
        """What the first process has."""
        if self.size == 1:
            return value
        from accelerate.utils import broadcast_object_list

        return broadcast_object_list([value])[0]

    def lowest(self, value: int) -> int:
        """The least of the numbers of all processes."""
        if self.size == 1:
            return value
        every = self._accelerator.gather(torch.tensor([value], device=self.device))
        return int(every.min())

    @property
    def may_overflow(self) -> bool:
        """Whether gradients that are not finite are a part of life, as in half precision."""
        return self._scaler is not None

    def advance(self, optimizer: torch.optim.Optimizer) -> None:
        """The optimizer's step; left out where half precision overflowed."""
        if self._scaler is None:
            optimizer.step()
        else:
            self._scaler.step(optimizer)
            self._scaler.update()

    def state_dict(self) -> dict[str, Any]:
        return {} if self._scaler is None else dict(self._scaler.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self._scaler is not None:
            self._scaler.load_state_dict(state)
