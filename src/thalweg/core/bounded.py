"""Building no more than a file is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from thalweg.core.errors import InputError

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
    sizes : sequence of int
        Numbers of each tensor of the state.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.numbers = 4 * sum(sizes) + ROOM
        self.steps = 200 * len(sizes) + STEPS

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
