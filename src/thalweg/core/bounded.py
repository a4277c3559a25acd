"""Building no more than a file is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from thalweg.core.errors import InputError

ROOM = 2**22
"""Numbers that may be made besides those that a file is worth: small models have surroundings"""

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

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # nothing is compiled here, and what skips it takes a second to import
        return False

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = {} if kwargs is None else kwargs
        given = _tensors(args)
        self.steps -= 1
        if self.steps < 0 or self._most(func, args, kwargs, given) > self.numbers:
            raise InputError("its header asks for a larger network than its tensors make")
        made = func(*args, **kwargs)
        if not _changes(func):
            total = sum(each.numel() for each in _tensors((made,)))
            self.numbers -= max(0, total - sum(each.numel() for each in given))
        return made

    def _most(
        self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], given: list[Tensor]
    ) -> int:
        """How many numbers more than it is given an operation may make."""
        if _changes(func):
            return 0
        lists = (part for part in args if isinstance(part, (list, tuple)))
        lengths = [each for part in lists for each in part if isinstance(each, int)]
        if given:
            # entry by entry, or each with each: no need to work it out
            shapes = {tuple(each.shape) for each in given if each.numel() > 1}
            each_with_each = math.prod(each.numel() for each in given) * math.prod(lengths or (1,))
            if (len(shapes) <= 1 and not lengths) or each_with_each <= self.numbers:
                return 0
        return _growth(func, args, kwargs, given)


def _changes(func: Any) -> bool:
    """Whether an operation changes what it is given, and makes nothing."""
    return bool(func._schema.is_mutable)


def _tensors(values: tuple[Any, ...]) -> list[Tensor]:
    nested = (part if isinstance(part, (list, tuple)) else (part,) for part in values)
    return [each for part in nested for each in part if isinstance(each, Tensor)]


def _growth(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], given: list[Tensor]) -> int:
    """How many numbers more than it is given an operation makes."""
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
    size = sum(each.numel() for each in _tensors((made,)))
    return max(0, size - sum(each.numel() for each in given))


def _hollow(value: Any) -> Any:
    """A tensor without its values, wherever it stands."""
    if isinstance(value, Tensor):
        return value.to("meta")
    if isinstance(value, (list, tuple)):
        return type(value)(_hollow(part) for part in value)
    return value
