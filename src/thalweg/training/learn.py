"""Training an energy by a recipe: optimizer, schedule, checkpoints, bar and monitors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from thalweg.core import Batch, Energy, InputError
from thalweg.data import Shuffled
from thalweg.objectives import Objective
from thalweg.training.checkpoint import Checkpoint, Stateful
from thalweg.training.compiled_adam import Adam
from thalweg.training.hardware import Hardware
from thalweg.training.history import History
from thalweg.training.muon import MuonAndAdam
from thalweg.training.state import GeneratorState
from thalweg.training.steps import gradient_step, rise_and_fall
from thalweg.training.watched import check_ended_finite, train_watched


@dataclass(frozen=True)
class Run:
    """How a run is kept and shown; nothing here changes what is learned.

    Parameters
    ----------
    checkpoint : path, optional
        A folder for checkpoints, made if need be.
    every : int, default 500
        Steps between them.
    resume : bool, default False
        Go on from the last one of the folder; the first run of it may say so too.
    log_dir : path, optional
        A folder for TensorBoard, with every monitor (needs the ``tensorboard`` extra).
    watch : callable, optional
        ``watch(history, energy)`` is called after each step, with the energy as it is, of rows in
        the units that they came in; training ends where it says True. To draw, to stop early. Of
        several processes in each: all have to say the same.
    """

    checkpoint: str | os.PathLike[str] | None = None
    every: int = 500
    resume: bool = False
    log_dir: str | os.PathLike[str] | None = None
    watch: Callable[[History, Energy], bool | None] | None = None

    def __post_init__(self) -> None:
        if self.resume and self.checkpoint is None:
            raise InputError("resume: no checkpoint folder was given; expected one to go on from")


@dataclass(frozen=True)
class Recipe:
    """How to train: the numbers that change what is learned."""

    n_steps: int
    learning_rate: float
    clip: float | None = None
    """longest gradient"""
    average: float | None = None
    """decay of the moving average of parameters, which takes their place in the end"""
    precision: str = "no"
    accumulate: int = 1
    """parts of a batch that are gone through one after the other"""
    matrix_rate: float | None = None
    """of Muon, for the matrices of linear layers; they learn by Adam as all else without it"""
    objective_rate: float | None = None
    """of what the objective itself learns; ``learning_rate`` without it"""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """what a checkpoint has to agree with, besides these"""


def learn(
    energy: Energy,
    objective: Objective,
    take: Callable[[Any], Batch],
    order: Shuffled,
    recipe: Recipe,
    generator: torch.Generator,
    *,
    title: str,
    hardware: Hardware | None = None,
    run: Run | None = None,
    asked: Energy | None = None,
    verbose: bool = False,
) -> History:
    """Steps of Adam (or Muon) on the objective; the rate rises first and falls to 0 at the end.

    Parameters
    ----------
    energy : Energy
        Trained in place; with ``recipe.average`` it ends at the averaged parameters.
    objective : Objective
        Has begun, where it needs to.
    take : callable
        From positions of rows to a batch.
    order : Shuffled
        Which rows come when.
    recipe : Recipe
    generator : torch.Generator
        All randomness of the steps.
    title : str
        What warnings and the bar call it.
    hardware : Hardware, optional
    run : Run, optional
    asked : Energy, optional
        The energy as whoever watches asks it, in other units; ``energy`` itself without it.
    verbose : bool
        Whether to show a bar.
    """
    hardware = Hardware() if hardware is None else hardware
    run = Run() if run is None else run
    optimizer = _optimizer(energy, objective, recipe)
    schedule = rise_and_fall(optimizer, recipe.n_steps)
    parts: dict[str, Stateful] = {
        "energy": energy,
        "objective": objective,
        "optimizer": optimizer,
        "schedule": schedule,
        "generator": GeneratorState(generator),
        "order": order,
        "hardware": hardware,
    }
    average = None
    if recipe.average is not None:
        average = AveragedModel(energy, multi_avg_fn=get_ema_multi_avg_fn(recipe.average))
        parts["average"] = average
    step = gradient_step(
        energy, objective, optimizer, schedule,
        clip=recipe.clip, average=average, accumulate=recipe.accumulate, hardware=hardware,
    )  # fmt: skip
    checkpoint = None
    if run.checkpoint is not None:
        facts = {
            **_facts(recipe),
            **recipe.facts,
            "rows": order.n,
            "processes": hardware.size,
            "device": hardware.device.type,
        }
        checkpoint = Checkpoint(run.checkpoint, run.every, run.resume, facts, hardware.rank)
        checkpoint.restore(parts, hardware.lowest(checkpoint.steps()))
    energy.train()
    first = hardware.rank == 0
    history = train_watched(
        step, _batches(order, take), generator, title=title, n_steps=recipe.n_steps,
        shown=verbose and first, log_dir=run.log_dir if first else None, checkpoint=checkpoint,
        stop=_watched(run, energy if asked is None else asked),
    )  # fmt: skip
    if average is not None:
        energy.load_state_dict(average.module.state_dict())
    check_ended_finite(energy, history, checkpoint)
    energy.eval()
    return history


def _optimizer(energy: Energy, objective: Objective, recipe: Recipe) -> torch.optim.Optimizer:
    more = [p for p in objective.parameters() if p.requires_grad]
    if recipe.matrix_rate is not None:
        return MuonAndAdam(energy, recipe.matrix_rate, recipe.learning_rate, more)
    learned = [p for p in energy.parameters() if p.requires_grad]
    if recipe.objective_rate is None:
        return Adam([*learned, *more], recipe.learning_rate)
    groups: list[dict[str, Any]] = [
        {"params": learned},
        {"params": more, "lr": recipe.objective_rate},
    ]
    return Adam(groups, recipe.learning_rate)


def _watched(run: Run, energy: Energy) -> Callable[[History], bool]:
    watch = run.watch
    if watch is None:
        return lambda history: False
    return lambda history: bool(watch(history, energy))


def _batches(order: Shuffled, take: Callable[[Any], Batch]) -> Iterator[Batch]:
    for index in order:
        yield take(index)


def _facts(recipe: Recipe) -> dict[str, Any]:
    return {
        name: getattr(recipe, name)
        for name in (
            "n_steps",
            "learning_rate",
            "clip",
            "average",
            "precision",
            "accumulate",
            "matrix_rate",
            "objective_rate",
        )
        if name != "objective_rate" or recipe.objective_rate is not None
    }


def averaging(n_steps: int) -> float:
    """The decay of a moving average of parameters over about the last tenth of the steps."""
    return 1 - 1 / max(2.0, n_steps / 10)
