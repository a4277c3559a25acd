"""Where training runs: device, precision, and the processes that train one model."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from thalweg.core import InputError
from thalweg.training.processes import processes

TYPES = {"no": None, "bf16": torch.bfloat16, "fp16": torch.float16}
PRECISIONS = tuple(TYPES)


class Hardware:
    """Device and precision, and the processes that train together.

    Parameters
    ----------
    device : str, default "cpu"
    precision : {"no", "bf16", "fp16"}, default "no"
        Type of the large products; parameters stay in single precision.
    """

    def __init__(self, device: str = "cpu", precision: str = "no") -> None:
        if precision not in PRECISIONS:
            raise InputError(f"precision must be one of {PRECISIONS}, got {precision!r}")
        self.group = processes(device)
        self.device = self.group.device or torch.device(device)
        self.precision, self._type = precision, TYPES[precision]
        if precision == "fp16" and self.device.type == "cpu":
            raise InputError("precision 'fp16' needs a GPU; expected 'no' or 'bf16' on a CPU")
        # small gradients would be 0 in half precision
        self._scaler = torch.amp.GradScaler(self.device.type) if precision == "fp16" else None

    @property
    def rank(self) -> int:
        return self.group.rank

    @property
    def size(self) -> int:
        return self.group.size

    def autocast(self) -> AbstractContextManager[Any]:
        """Inside, large products are taken in the precision asked for."""
        if self._type is None:
            return nullcontext()
        return torch.autocast(self.device.type, self._type)

    def backward(self, value: Tensor) -> None:
        """The gradient of a loss, scaled where half precision needs it."""
        (value if self._scaler is None else self._scaler.scale(value)).backward()

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
