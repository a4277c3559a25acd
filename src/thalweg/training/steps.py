"""Gradient steps."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel

from thalweg.core import Batch, Energy, Loss
from thalweg.objectives import Objective
from thalweg.training.hardware import Hardware
from thalweg.training.loop import Step


def gradient_step(
    energy: Energy,
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None,
    *,
    clip: float | None = None,
    average: AveragedModel | None = None,
    hardware: Hardware | None = None,
) -> Step[Batch]:
    """A step down the gradient of the objective; then the schedule moves the learning rate.

    The latent variable is inferred first, inside the energy; by the envelope theorem the gradient
    at the inferred z is the gradient of the minimum.

    Parameters
    ----------
    energy : Energy
    objective : Objective
    optimizer : Optimizer
    schedule : LRScheduler, optional
    clip : float, optional
        The gradient is made no longer than this.
    average : AveragedModel, optional
        Follows the energy's parameters.
    hardware : Hardware, optional
        Precision, and the processes that train together; this process alone if not given.
    """
    hardware = Hardware() if hardware is None else hardware
    parameters = [p for group in optimizer.param_groups for p in group["params"]]

    def step(batch: Batch, generator: torch.Generator) -> Loss:
        with hardware.autocast():
            loss = objective(energy, batch, generator)
        optimizer.zero_grad(set_to_none=True)
        hardware.backward(loss.value)
        hardware.share_gradients(parameters, optimizer)
        # the norm tells of trouble before the loss does
        norm = torch.nn.utils.clip_grad_norm_(parameters, math.inf if clip is None else clip)
        if hardware.may_overflow:
            norm = norm.nan_to_num(nan=0.0, posinf=0.0)
        hardware.advance(optimizer)
        if schedule is not None:
            schedule.step()
        if average is not None:
            average.update_parameters(energy)
        return Loss(loss.value, {**loss.metrics, "gradient_norm": norm.detach()})

    return step


def adam(
    groups: list[dict[str, Any]], steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Adam with learning rates that rise over the first steps and fall to 0 at the end."""
    optimizer = torch.optim.Adam(groups, fused=True)
    warm = max(1, min(100, steps // 10))

    def share(i: int) -> float:
        fall = 0.5 * (1 + math.cos(math.pi * min(i / max(steps, 1), 1)))
        return min((i + 1) / warm, fall)

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, share)
