"""Energies of saved states: built within bounds, and held to what the file has."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from thalweg.core import InputError
from thalweg.training.start import Units

M = TypeVar("M", bound=nn.Module)

ROOM = 2**22
"""Numbers that may be made besides those that a file is worth: small models have wide surroundings"""

STEPS = 4000
"""The same for operations"""


class Bounded(TorchDispatchMode):
    """While it is on, building makes no more of tensors than a state is worth.

    A header of a few bytes may ask for a million layers or for a matrix that no memory holds: what
    an operation would make is worked out before it is made.

    Parameters
    ----------
    state : mapping of str to Tensor
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.numbers = 4 * sum(tensor.numel() for tensor in state.values()) + ROOM
        self.steps = 200 * len(state) + STEPS

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = {} if kwargs is None else kwargs
        self.steps -= 1
        self.numbers -= _growth(func, args, kwargs)
        if self.steps < 0 or self.numbers < 0:
            raise InputError("its header asks for a larger network than its tensors make")
        return func(*args, **kwargs)


def _growth(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """How many numbers more than it is given an operation makes."""
    given = [each for each in args if isinstance(each, Tensor)]
    nested = [each for part in args if isinstance(part, (list, tuple)) for each in part]
    given += [each for each in nested if isinstance(each, Tensor)]
    more = dict(kwargs)
    if "generator" in more:
        more["generator"] = None
    if "device" in more or not given:
        more["device"] = torch.device("meta")
    try:
        made = func(*(_hollow(each) for each in args), **more)
    except (RuntimeError, NotImplementedError, TypeError):
        # what depends on values makes no more than it is given; what is wrong, fails as it runs
        return 0
    made = made if isinstance(made, (list, tuple)) else [made]
    size = sum(each.numel() for each in made if isinstance(each, Tensor))
    return max(0, size - sum(each.numel() for each in given))


def _hollow(value: Any) -> Any:
    """A tensor without its values, wherever it stands."""
    if isinstance(value, Tensor):
        return value.to("meta")
    if isinstance(value, (list, tuple)):
        return type(value)(_hollow(part) for part in value)
    return value


def built(make: Callable[[dict[str, Tensor]], M], state: dict[str, Tensor]) -> M:
    """What ``make`` builds for a state, with its values.

    Raises
    ------
    InputError
        If names, shapes or types are not those of the state, or it is not worth so large a network.
    """
    with Bounded(state):
        module = make(state)
    fit_together(module.state_dict(), state)
    module.load_state_dict(state)
    return module


def fit_together(expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
    """Hold a state to the names, shapes and types that are expected."""
    for name in sorted({*expected, *state}):
        if name not in state:
            raise InputError(f"there is no tensor {name}")
        if name not in expected:
            raise InputError(f"nothing has the tensor {name}")
        here, there = expected[name], state[name]
        if (here.shape, here.dtype) != (there.shape, there.dtype):
            _differs(name, there, f"{_type(here)} {tuple(here.shape)}")


def held(state: Mapping[str, Tensor], name: str, *shape: int) -> Tensor:
    """A tensor of a state, if it has a shape."""
    if name not in state:
        raise InputError(f"there is no tensor {name}")
    if tuple(state[name].shape) != shape:
        _differs(name, state[name], str(shape))
    return state[name]


def _differs(name: str, tensor: Tensor, expected: str) -> NoReturn:
    raise InputError(
        f"{name} is {_type(tensor)} {tuple(tensor.shape)}; expected {expected}, as its header says"
    )


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def units_of(state: Mapping[str, Tensor], d: int, given: int = 0) -> Units:
    """The units of a saved energy of d columns, given so many others."""
    for prefix, length in (("", d), ("x_", given)):
        if length and not bool((held(state, f"{prefix}scale", length) > 0).all()):
            raise InputError(f"{prefix}scale has an entry that is not above 0")
        if length:
            held(state, f"{prefix}shift", length)
    return Units.of({name: state[name] for name in ("shift", "scale", "x_shift", "x_scale")
                     if name in state})  # fmt: skip


def frame_size(shape: tuple[int, int, int], d: int) -> int:
    """Numbers of an image, which are the columns."""
    if math.prod(shape) != d:
        raise InputError(f"images of {shape} have {math.prod(shape)} numbers, and n_features_in is {d}")
    return d
