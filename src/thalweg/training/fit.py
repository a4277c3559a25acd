"""Training in one call: a module, data, an objective."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

from thalweg.core import (
    Batch,
    Energy,
    InputError,
    Integer,
    Real,
    Seed,
    as_batch,
    as_energy,
    check_parameters,
    generator_from,
    precision_of,
)
from thalweg.objectives import Objective
from thalweg.training.history import History
from thalweg.training.steps import adam, gradient_step
from thalweg.training.watched import check_ended_finite, train_watched

CLIP = 10.0
"""The longest gradient, beyond which a batch is taken for an accident"""

PARAMETERS = {
    "n_steps": Integer(1),
    "batch_size": Integer(1, high=1_000_000_000),
    "learning_rate": Real(0, above=True),
    "random_state": Seed(),
}


def fit(
    module: nn.Module | Callable[..., Tensor],
    data: Any,
    objective: Objective,
    *,
    n_steps: int = 2000,
    batch_size: int = 256,
    learning_rate: float = 1e-3,
    pair: str = "yx",
    random_state: int | None = None,
    verbose: bool = False,
) -> History:
    r"""Train an energy on data with an objective: Adam, a rate that rises and falls, in one call.

    In place, on the device and in the precision of the module's parameters. For checkpoints,
    several processes, moving averages and half precision, write the loop with
    :func:`gradient_step` and :func:`train`.

    Parameters
    ----------
    module : Energy, Module or callable
        From y ``(n, *shape)``, or y and x, to one number a row.
    data : Tensor, array, tuple, Dataset, DataLoader or other iterable of batches
        Rows ``(n, *shape)``; two tensors or arrays of as many rows; a dataset of either; or what
        gives batches, each as :func:`~thalweg.core.as_batch` has it, and can be gone through again.
    objective : Objective
    n_steps : int, default 2000
    batch_size : int, default 256
        Rows of a step, where data are not in batches already.
    learning_rate : float, default 1e-3
        The highest.
    pair : {"yx", "xy", "y"}
        Of two tensors, which is scored (y) and which is given (x); "y": the second, labels for
        instance, is not looked at.
    random_state : int, optional
        Of the order of rows and of what the objective draws.
    verbose : bool, default False
        Whether to show a bar.

    Returns
    -------
    History

    Raises
    ------
    InputError
        If a parameter, the module's answers or a batch are not as said; if data end too early.
    Diverged
        If the loss is no longer finite.

    Examples
    --------
    >>> from thalweg.objectives import DenoisingScoreMatching
    >>> network = torch.nn.Sequential(torch.nn.Linear(2, 32), torch.nn.SiLU(),
    ...                               torch.nn.Linear(32, 1), torch.nn.Flatten(0))
    >>> y = torch.randn(512, 2, generator=torch.Generator().manual_seed(0))
    >>> history = fit(network, y, DenoisingScoreMatching(0.3), n_steps=100, random_state=0)
    >>> len(history)
    100
    """
    given = {"n_steps": n_steps, "batch_size": batch_size, "learning_rate": learning_rate,
             "random_state": random_state}  # fmt: skip
    check_parameters("fit", given, PARAMETERS)
    if not isinstance(objective, Objective):
        raise InputError(
            f"fit: objective must be an Objective such as DenoisingScoreMatching(0.1), got "
            f"{objective!r}"
        )
    energy = as_energy(module)
    learned = [p for p in energy.parameters() if p.requires_grad]
    if not learned:
        raise InputError(
            f"fit: {type(module).__name__} has no parameters to learn; expected some (a function "
            "hides those of a module that it calls: pass the module)"
        )
    learned += [p for p in objective.parameters() if p.requires_grad]
    device = learned[0].device
    objective.to(device)
    generator = generator_from(random_state, device)
    order = torch.Generator().manual_seed(int(generator.initial_seed()))
    source = (_suited(each, energy, device) for each in _batches(data, batch_size, pair, order))
    first = next(source)
    objective.begin(energy, first.y, generator)
    optimizer, schedule = adam([{"params": learned, "lr": learning_rate}], n_steps)
    step = gradient_step(energy, objective, optimizer, schedule, clip=CLIP)
    batches = itertools.chain([first], itertools.islice(source, n_steps - 1))
    modes = [(each, each.training) for each in energy.modules()]
    energy.train()
    try:
        history = train_watched(
            step, batches, generator, title="fit", n_steps=n_steps, shown=verbose
        )
    finally:
        for each, training in modes:
            each.training = training
    check_ended_finite(energy, history)
    return history


def _batches(data: Any, size: int, pair: str, generator: torch.Generator) -> Iterator[Batch]:
    """Batches without end."""
    whole = _whole(data, pair)
    if whole is not None:
        yield from _of_rows(whole, size, generator)
        return
    if isinstance(data, Dataset):
        mixed = not isinstance(data, IterableDataset)
        data = DataLoader(data, batch_size=size, shuffle=mixed, generator=generator)
    if (
        isinstance(data, list)
        and len(data) == 2
        and all(isinstance(each, (Tensor, np.ndarray)) for each in data)
    ):
        raise InputError(
            "fit: data is a list of two, which may be two batches or y and x; expected a tuple "
            "(y, x), or batches as tuples"
        )
    if not isinstance(data, Iterable) or isinstance(data, (str, bytes)):
        raise InputError(
            f"fit: data is {type(data).__name__}; expected a tensor or an array of rows, two of "
            "them, a Dataset, or batches to go through"
        )
    count = 0
    while True:
        before = count
        for given in data:
            count += 1
            yield as_batch(given, pair)
        if count == before:
            raise InputError(
                f"fit: data ended after {count} batches; expected what can be gone through again "
                "(a DataLoader, a list), or fewer n_steps"
            )


def _whole(data: Any, pair: str) -> Batch | None:
    """All rows, where they are tensors or arrays."""
    several = isinstance(data, tuple) and len(data) in (1, 2)
    if isinstance(data, (Tensor, np.ndarray, Batch, Mapping)) or (
        several and all(isinstance(each, (Tensor, np.ndarray)) for each in data)
    ):
        whole = as_batch(data, pair)
        if not len(whole.y):
            raise InputError("fit: data have no rows; expected at least 1")
        return whole
    return None


def _of_rows(whole: Batch, size: int, generator: torch.Generator) -> Iterator[Batch]:
    """Random rows, each as often as any other."""
    n, size = len(whole.y), min(size, len(whole.y))
    while True:
        order = torch.randperm(n, generator=generator)
        for chosen in order.split(size):
            # what is left of a pass, and less than a batch, has its turn in another order
            if len(chosen) == size:
                yield Batch(*[None if each is None else each[chosen] for each in whole])  # type: ignore[arg-type]


def _suited(batch: Batch, energy: Energy, device: torch.device) -> Batch:
    """A batch on the device, in the precision, of the energy."""
    if batch.y.dim() < 2:
        raise InputError(
            f"fit: y has shape {tuple(batch.y.shape)}; expected (n, *shape), a row for each "
            "(y[:, None], for numbers)"
        )
    kind = precision_of(energy)

    def suited(part: Tensor) -> Tensor:
        if part.is_floating_point() and kind is not None:
            return part.to(device, kind)
        return part.to(device)

    given, weight = (None if part is None else suited(part) for part in (batch.x, batch.weight))
    return Batch(suited(batch.y), given, weight, batch.position)
