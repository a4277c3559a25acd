"""The form of every objective."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from thalweg.core import Batch, Energy, Loss, as_batch, as_energy
from thalweg.pretext import Corruption
from thalweg.samplers import Sampler


class Objective(nn.Module, ABC):
    """Something to minimize over the parameters of an energy, given data.

    A module, for some objectives have parameters of their own (noise contrastive estimation's
    log Z) or remember something between steps (chains); a checkpoint takes its ``state_dict``.
    """

    def begin(self, energy: Energy, y: Tensor, generator: torch.Generator) -> None:
        """Look at rows y (n, ...), before training: where to put chains, a box, noise.

        An objective that needs it and was not given it begins with its first batch.
        """

    def extra_repr(self) -> str:
        return settings_of(self)

    def __call__(self, energy: Any, batch: Any, generator: torch.Generator) -> Loss:
        """The loss on a batch; any module or function is an energy, and any loader's batch one."""
        loss: Loss = super().__call__(as_energy(energy), as_batch(batch), generator)
        return loss

    @abstractmethod
    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        """The loss on a batch; its value carries the graph."""


def settings_of(module: nn.Module) -> str:
    """What a module was made with, as text; a checkpoint is held to it."""
    plain = (bool, int, float, str, tuple, list, Sampler, Corruption)
    return ", ".join(
        f"{name}={value!r}"
        for name, value in vars(module).items()
        if not name.startswith("_") and name != "training" and isinstance(value, plain)
    )


def mean_of(values: Tensor, batch: Batch) -> Tensor:
    """The mean over rows (n,), weighted where the batch says how."""
    if batch.weight is None:
        return values.mean()
    return (batch.weight * values).sum() / batch.weight.sum()


def loss_of(value: Tensor, **metrics: Tensor) -> Loss:
    """A loss, with what is to be shown of it detached."""
    return Loss(value, {name: metric.detach() for name, metric in metrics.items()})
