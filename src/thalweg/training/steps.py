"""Gradient steps."""

from __future__ import annotations

import torch

from thalweg.core import Batch, Energy, Loss
from thalweg.objectives import Objective
from thalweg.training.loop import Step


def gradient_step(
    energy: Energy,
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None,
) -> Step[Batch]:
    """A step down the gradient of the objective; then the schedule moves the learning rate.

    The latent variable is inferred first, inside the energy; by the envelope theorem the gradient
    at the inferred z is the gradient of the minimum.
    """

    def step(batch: Batch, generator: torch.Generator) -> Loss:
        loss = objective(energy, batch, generator)
        optimizer.zero_grad(set_to_none=True)
        loss.value.backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()
        return loss

    return step
