"""Energies of saved states: built within bounds, and held to what the file has."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NoReturn, TypeVar

from torch import Tensor, nn

from thalweg.core import Bounded, InputError
from thalweg.training.start import Units

M = TypeVar("M", bound=nn.Module)


def built(make: Callable[[dict[str, Tensor]], M], state: dict[str, Tensor]) -> M:
    """What ``make`` builds for a state, with its values.

    Raises
    ------
    InputError
        If names, shapes or types are not those of the state, or it is not worth so large a network.
    """
    with Bounded([tensor.numel() for tensor in state.values()]):
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
        if not length:
            continue
        shift, scale = (held(state, f"{prefix}{name}", length) for name in ("shift", "scale"))
        for name, each in (("shift", shift), ("scale", scale)):
            if not each.is_floating_point():
                _differs(prefix + name, each, "floating point")
        if not bool((scale > 0).all()):
            raise InputError(f"{prefix}scale has an entry that is not above 0")
    return Units.of({name: state[name] for name in ("shift", "scale", "x_shift", "x_scale")
                     if name in state})  # fmt: skip


def frame_size(shape: tuple[int, int, int], d: int) -> int:
    """Numbers of an image, which are the columns."""
    if math.prod(shape) != d:
        raise InputError(
            f"images of {shape} have {math.prod(shape)} numbers, and n_features_in is {d}"
        )
    return d
