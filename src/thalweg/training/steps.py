"""Gradient steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from thalweg.core import Batch, Loss, as_batch, as_energy
from thalweg.objectives import Objective
from thalweg.training.compiled_adam import Adam
from thalweg.training.hardware import Hardware
from thalweg.training.loop import Step


def gradient_step(
    energy: nn.Module | Callable[..., Tensor],
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None,
    *,
    clip: float | None = None,
    average: AveragedModel | None = None,
    accumulate: int = 1,
    hardware: Hardware | None = None,
    pair: str = "yx",
) -> Step[Any]:
    """A step down the gradient of the objective; then the schedule moves the learning rate.

    The latent variable is inferred first, inside the energy; by the envelope theorem the gradient
    at the inferred z is the gradient of the minimum.

    Parameters
    ----------
    energy : Energy, Module or callable
        From y, or (y, x), to one number a row.
    objective : Objective
    optimizer : Optimizer
    schedule : LRScheduler, optional
    clip : float, optional
        The gradient is made no longer than this.
    average : AveragedModel, optional
        Follows the energy's parameters.
    accumulate : int, default 1
        Parts of a batch that are gone through one after the other, for batches that memory would
        not hold at once. The step is that of the whole batch where its loss is a mean over rows.
    hardware : Hardware, optional
        Precision, and the processes that train together; this process alone if not given.
    pair : {"yx", "xy", "y"}
        What two tensors of a batch are, as :func:`~thalweg.core.as_batch` has it; batches may be
        what loaders give.
    """
    energy = as_energy(energy)
    hardware = Hardware() if hardware is None else hardware
    parameters = [p for group in optimizer.param_groups for p in group["params"]]

    def step(batch: Any, generator: torch.Generator) -> Loss:
        parts = _parts(as_batch(batch, pair), accumulate)
        losses: list[Loss] = []
        for part, share in parts:
            with hardware.autocast():
                loss = objective(energy, part, generator)
            if not losses:
                optimizer.zero_grad(set_to_none=True)
            losses.append(loss)
            hardware.backward(share * loss.value)
        hardware.share_gradients(parameters, optimizer)
        # the norm tells of trouble before the loss does
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        if clip is not None:
            torch.nn.utils.clip_grads_with_norm_(parameters, clip, norm)
        if hardware.may_overflow:
            norm = norm.nan_to_num(nan=0.0, posinf=0.0)
        hardware.advance(optimizer)
        if schedule is not None:
            schedule.step()
        if average is not None:
            average.update_parameters(energy)
        loss = loss if len(losses) == 1 else _together(losses, parts)
        return Loss(loss.value, {**loss.metrics, "gradient_norm": norm.detach()})

    return step


def _parts(batch: Batch, count: int) -> list[tuple[Batch, float]]:
    """Parts of a batch, as equal as can be, and the share of its rows that each has."""
    n = len(batch.y)
    count = max(1, min(count, n))
    ends = [n * i // count for i in range(count + 1)]
    result = []
    for a, b in itertools.pairwise(ends):
        part = Batch(*[None if each is None else each[a:b] for each in batch])  # type: ignore[arg-type]
        result.append((part, (b - a) / n if n else 1.0))
    return result


def _together(losses: list[Loss], parts: list[tuple[Batch, float]]) -> Loss:
    """The mean of what the parts of a batch report."""
    shares = [share for _, share in parts]

    def mean(values: list[Tensor]) -> Tensor:
        return torch.stack([s * v.detach() for s, v in zip(shares, values, strict=True)]).sum()

    names = losses[0].metrics
    return Loss(
        mean([loss.value for loss in losses]),
        {name: mean([loss.metrics[name] for loss in losses]) for name in names},
    )


def adam(
    groups: list[dict[str, Any]], steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Adam with learning rates that rise over the first steps and fall to 0 at the end."""
    optimizer = Adam(groups)
    return optimizer, rise_and_fall(optimizer, steps)


def rise_and_fall(
    optimizer: torch.optim.Optimizer, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """Learning rates that rise over the first steps and fall to 0 at the end, as a cosine."""
    warm = max(1, min(100, steps // 10))

    def share(i: int) -> float:
        fall = 0.5 * (1 + math.cos(math.pi * min(i / max(steps, 1), 1)))
        return min((i + 1) / warm, fall)

    return torch.optim.lr_scheduler.LambdaLR(optimizer, share)
