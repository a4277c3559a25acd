"""Two ways to go down a gradient in one step: matrices by Muon, all else by Adam."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

DECAY = 0.1
"""Of matrices, times the learning rate: it keeps them of a size that steps can turn"""

TURN = (3.4445, -4.7750, 2.0315)
"""Jordan's polynomial of odd powers, whose iteration takes all singular values to about 1"""


class Muon(torch.optim.Optimizer):
    """The optimizer of that name for matrices, step for step torch's (which has it from 2.9 on).

    Parameters
    ----------
    matrices : sequence of Tensor
    rate : float
    """

    def __init__(self, matrices: Sequence[Tensor], rate: float) -> None:
        super().__init__(matrices, {"lr": rate, "weight_decay": DECAY, "momentum": 0.95})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            rate, momentum = group["lr"], group["momentum"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(p.grad)
                mean = state["momentum_buffer"].lerp_(p.grad, 1 - momentum)
                turned = _orthogonal(p.grad.lerp(mean, momentum))
                p.mul_(1 - rate * group["weight_decay"])
                p.add_(turned, alpha=-rate * math.sqrt(max(1, p.shape[0] / p.shape[1])))


def _orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest matrix that stretches all directions alike, in half of the bits."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.bfloat16()
    x = x.T if tall else x
    x = x / x.norm().clamp(min=1e-7)
    a, b, c = TURN
    for _ in range(5):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class MuonAndAdam(torch.optim.Optimizer):
    """Muon for the matrices of linear layers, Adam for all other parameters.

    Muon turns the momentum of a matrix's gradient into the nearest one that stretches all
    directions alike, so that rare directions learn as fast as common ones. A transformer learns
    from text in about half as many steps with it.

    Parameters
    ----------
    module : Module
        The parameters that require a gradient are learned.
    rate : float
        Of Muon.
    rate_else : float
        Of Adam.
    more : sequence of Tensor
        Other parameters for Adam.

    References
    ----------
    Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024); Kingma, Ba,
    "Adam" (2015).
    """

    def __init__(
        self, module: nn.Module, rate: float, rate_else: float, more: Sequence[Tensor]
    ) -> None:
        matrices = [
            layer.weight
            for layer in module.modules()
            if isinstance(layer, nn.Linear) and layer.weight.requires_grad
        ]
        known = {id(weight) for weight in matrices}
        others = [p for p in module.parameters() if p.requires_grad and id(p) not in known]
        self.parts: list[torch.optim.Optimizer] = [
            Muon(matrices, rate),
            torch.optim.Adam([*others, *more], lr=rate_else, fused=True),
        ]
        # the very groups of the parts: a schedule that moves these moves those
        super().__init__([group for part in self.parts for group in part.param_groups], {})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        return {str(i): part.state_dict() for i, part in enumerate(self.parts)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for i, part in enumerate(self.parts):
            part.load_state_dict(state_dict[str(i)])
        self.param_groups = [group for part in self.parts for group in part.param_groups]
