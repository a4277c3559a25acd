"""What the state in a checkpoint has to look like, before anything is restored from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import torch
from torch import Tensor

from thalweg.core import InputError
from thalweg.training.compiled_adam import Adam
from thalweg.training.muon import Muon, MuonAndAdam

SCALAR = "scalar"
LIKE = "as the parameter"

_OF_ADAM = {"step": SCALAR, "exp_avg": LIKE, "exp_avg_sq": LIKE}
KEPT: dict[type[torch.optim.Optimizer], dict[str, str]] = {
    torch.optim.Adam: _OF_ADAM,
    Adam: _OF_ADAM,
    Muon: {"momentum_buffer": LIKE},
}
"""What an optimizer keeps of each parameter that had a gradient"""

MOVING = ("lr", "_last_lr")
"""Numbers that training moves; others of an optimizer and a schedule stay"""

COUNTS = {"made": 0, "last_epoch": 0, "_step_count": 1}
"""What counts steps, and how far ahead of them it is"""


def check_optimizer(name: str, optimizer: torch.optim.Optimizer, there: Any, steps: int) -> None:
    """Hold the state of an optimizer to its parameters.

    Whatever has another shape would be read beyond its end by a fused step.
    """
    if isinstance(optimizer, MuonAndAdam):
        _keys(name, there, {str(i) for i in range(len(optimizer.parts))})
        for i, part in enumerate(optimizer.parts):
            check_optimizer(f"{name}.{i}", part, there[str(i)], steps)
        return
    here = optimizer.state_dict()
    _keys(name, there, set(here))
    check_alike(f"{name}.param_groups", here["param_groups"], there["param_groups"], steps)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if not isinstance(there["state"], dict):
        _other(f"{name}.state", there["state"], "a part for each parameter")
    for index, kept in there["state"].items():
        at = f"{name}.state.{index}"
        if type(index) is not int or not 0 <= index < len(parameters):
            _other(at, index, f"the number of one of {len(parameters)} parameters")
        _keys(at, kept, set(KEPT[type(optimizer)]))
        for what, kind in KEPT[type(optimizer)].items():
            like = torch.zeros(()) if kind == SCALAR else parameters[index]
            check_alike(f"{at}.{what}", like.detach(), kept[what], steps)
            if what == "step" and not 1 <= float(kept[what]) <= steps:
                _other(f"{at}.step", float(kept[what]), f"a number of steps from 1 to {steps}")
            if what == "exp_avg_sq" and bool((kept[what] < 0).any()):
                _other(f"{at}.{what}", "with an entry below 0", "squares")


def check_alike(name: str, here: Any, there: Any, steps: int) -> None:
    """Hold a state to have the names, types and shapes of another one, and finite numbers."""
    if isinstance(here, Tensor):
        _tensor(name, here, there)
    elif isinstance(here, Mapping):
        _keys(name, there, set(here))
        for key, value in here.items():
            check_alike(f"{name}.{key}", value, there[key], steps)
    elif isinstance(here, (list, tuple)):
        if type(there) is not type(here) or len(there) != len(here):
            _other(name, there, f"{len(here)} values")
        for i, (one, other) in enumerate(zip(here, there, strict=True)):
            check_alike(f"{name}.{i}", one, other, steps)
    else:
        _value(name, here, there, steps)


def _value(name: str, here: Any, there: Any, steps: int) -> None:
    parts = name.split(".")
    count = next((COUNTS[part] for part in parts[-1:] if part in COUNTS), None)
    moves = any(part in MOVING for part in parts)
    if count is not None:
        if type(there) is not int or there != steps + count:
            _other(name, there, str(steps + count))
    elif moves:
        if not isinstance(there, (int, float)) or isinstance(there, bool) or not there >= 0:
            _other(name, there, "a number of at least 0")
    elif parts[0] in ("optimizer", "schedule") and (type(there) is not type(here) or there != here):
        _other(name, there, repr(here))
    elif type(there) is not type(here):
        _other(name, there, f"a value such as {here!r}")


def _tensor(name: str, here: Tensor, there: Any) -> None:
    if not isinstance(there, Tensor):
        _other(name, there, "a tensor")
    if (here.shape, here.dtype) != (there.shape, there.dtype):
        raise InputError(
            f"{name} is {there.dtype} {tuple(there.shape)}; expected {here.dtype} "
            f"{tuple(here.shape)}"
        )
    if there.is_floating_point() and not bool(there.isfinite().all()):
        raise InputError(f"{name} has values that are not finite")


def check_history(there: Any, steps: int) -> None:
    """Hold a record of training to its parts, of equal length, that end at a step."""
    _keys("history", there, {"values", "names", "metrics", "seconds", "steps"})
    names = there["names"]
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        _other("history.names", names, "names")
    if len(set(names)) != len(names):
        _other("history.names", names, "different names")
    made = there["steps"]
    if not isinstance(made, Tensor) or made.ndim != 1:
        _other("history.steps", made, "a row of numbers")
    kinds = {
        "values": (torch.float64, (len(made),)), "seconds": (torch.float64, (len(made),)),
        "steps": (torch.int64, (len(made),)), "metrics": (torch.float32, (len(made), len(names))),
    }  # fmt: skip
    for name, (kind, shape) in kinds.items():
        each = there[name]
        if not isinstance(each, Tensor) or (each.dtype, tuple(each.shape)) != (kind, shape):
            _other(f"history.{name}", each, f"{kind} {shape}")
    rises = bool((made.diff() > 0).all() and (there["seconds"].diff() >= 0).all())
    if not rises or not len(made) or int(made[0]) < 1 or int(made[-1]) != steps:
        _other("history.steps", made, f"numbers that rise to {steps}")
    if not bool(there["values"].isfinite().all() and there["seconds"].isfinite().all()):
        raise InputError("history has values that are not finite")


def _keys(name: str, there: Any, expected: set[Any]) -> None:
    if not isinstance(there, dict):
        _other(name, there, f"parts {', '.join(sorted(map(str, expected)))}")
    for key in sorted({*there} ^ expected, key=str):
        raise InputError(f"{name} has {'no' if key in expected else 'a part'} {key!r:.40}")


def _other(name: str, there: Any, expected: str) -> NoReturn:
    shown = f"a tensor {tuple(there.shape)}" if isinstance(there, Tensor) else f"{there!r:.60}"
    raise InputError(f"{name} is {shown}; expected {expected}")
