"""Adam, in one compiled loop where parameters are few."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

from thalweg.core.compiled import LIKE

FEW = 1 << 20
"""Parameters up to which one thread is the faster way"""


class Adam(torch.optim.Adam):
    """torch's fused Adam; on a CPU, of few parameters, by one loop in the thread that calls.

    Threads that torch shares out a small update to wait for more at full speed, and take the
    processors from whatever comes next. States are torch's own, and go into the same files.

    Parameters
    ----------
    groups : iterable of Tensor, or list of dict
        Parameters, with learning rates of their own if need be, as every optimizer of torch takes
        them.
    lr : float, default 1e-3
    """

    def __init__(
        self, groups: Iterable[torch.Tensor] | list[dict[str, Any]], lr: float = 1e-3
    ) -> None:
        super().__init__(groups, lr, fused=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        parts = [self._small(group) for group in self.param_groups]
        if closure is not None or any(part is None for part in parts):
            return super().step(closure)
        from thalweg.kernels.adam import update  # compiled: slow to import

        for group, part in zip(self.param_groups, parts, strict=True):
            if not part:
                continue
            states = [self.state[each] for each in part]
            for state in states:
                state["step"] += 1
            tensors = (
                part, [each.grad for each in part if each.grad is not None],
                [state["exp_avg"] for state in states], [state["exp_avg_sq"] for state in states],
            )  # fmt: skip
            update(
                LIKE[part[0].dtype], np.array([[t.data_ptr() for t in row] for row in tensors]),
                np.array([each.numel() for each in part]), float(group["lr"]), group["betas"],
                group["eps"], float(states[0]["step"]),
            )  # fmt: skip

    def _small(self, group: dict[str, Any]) -> list[torch.Tensor] | None:
        """The parameters of a group that have gradients, where the loop is the way for them."""
        found = [each for each in group["params"] if each.grad is not None]
        plain = not (group["weight_decay"] or group["amsgrad"] or group["maximize"])
        few = sum(each.numel() for each in found) <= FEW
        # before any state is looked at: on a GPU that would be waiting for it
        if not (plain and few and all(map(_is_plain, found))):
            return None
        # torch makes the state of a first step
        if not all(self.state[each] for each in found):
            return None
        steps = {float(self.state[each]["step"]) for each in found}
        return found if len(steps) <= 1 and len({each.dtype for each in found}) <= 1 else None


def _is_plain(parameter: torch.Tensor) -> bool:
    """Whether a parameter and its gradient are numbers in a row that the loop is compiled for."""
    gradient = parameter.grad
    assert gradient is not None
    if not parameter.is_cpu or parameter.dtype not in LIKE or gradient.dtype != parameter.dtype:
        return False
    strided = gradient.layout == torch.strided
    return strided and parameter.is_contiguous() and gradient.is_contiguous()
