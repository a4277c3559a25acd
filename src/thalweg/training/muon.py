"""Two ways to go down a gradient in one step: matrices by Muon, all else by Adam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

DECAY = 0.1
"""Of matrices, times the learning rate: it keeps them of a size that steps can turn"""


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
            torch.optim.Muon(matrices, lr=rate, weight_decay=DECAY, momentum=0.95),
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
