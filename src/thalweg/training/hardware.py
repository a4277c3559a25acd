"""Where training runs: device, precision, and the processes that train one model."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from thalweg.core import InputError
from thalweg.training.processes import processes

PRECISIONS = ("no", "bf16", "fp16")


class Hardware:
    """Device and precision, and the processes that train together.

    Parameters
    ----------
    device : str, default "cpu"
    precision : {"no", "bf16", "fp16"}, default "no"
        Type of the large products, by accelerate; parameters stay in single precision.
    """

    def __init__(self, device: str = "cpu", precision: str = "no") -> None:
        if precision not in PRECISIONS:
            raise InputError(f"precision must be one of {PRECISIONS}, got {precision!r}")
        self.group = processes(device)
        self.device = self.group.device or torch.device(device)
        self._accelerator: Any = None
        if precision != "no":
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
        return self.group.rank

    @property
    def size(self) -> int:
        return self.group.size

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
        joined = self.group.mean(joined)
        for p, part in zip(known, joined.split([p.numel() for p in known]), strict=True):
            p.grad = part.reshape(p.shape)

    def from_first(self, value: Any) -> Any:
        """What the first process has."""
        return self.group.from_first(value)

    def lowest(self, value: int) -> int:
        """The least of the numbers of all processes."""
        return min(self.group.gather(value))

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
