"""Batches as loaders of data give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from thalweg.core.errors import InputError
from thalweg.core.types import Batch

PAIRS = ("yx", "xy", "y")
"""What a pair of tensors may be"""

EXPECTED = (
    "a tensor y, (y,), a pair, a mapping with y and perhaps x, weight and position, or a Batch"
)


def as_batch(given: Any, pair: str = "yx") -> Batch:
    """A batch from what a loader gives.

    Parameters
    ----------
    given : Tensor, array, tuple, list, mapping or Batch
        ``y``; ``(y,)``; a pair, in which ``pair`` says what is what; a mapping with "y" and perhaps
        "x", "weight" and "position".
    pair : {"yx", "xy", "y"}
        Of two tensors, which is scored (y) and which is given (x): "yx" as everywhere in this
        library, "xy" as inputs and targets often come, "y" for the first alone (labels that the
        energy does not see).

    Raises
    ------
    InputError
        If it is another thing; the message says which.

    Examples
    --------
    >>> as_batch((torch.zeros(5, 2), torch.ones(5, 1)), "xy").y.shape
    torch.Size([5, 1])
    """
    if pair not in PAIRS:
        raise InputError(f"pair must be one of 'yx', 'xy', 'y', got {pair!r}")
    if isinstance(given, Batch):
        return given
    if isinstance(given, Mapping):
        unknown = [str(name) for name in given if name not in Batch._fields]
        if "y" not in given or unknown:
            raise InputError(
                f"a batch is a mapping with {', '.join(map(str, given)) or 'nothing'}; expected "
                f"{', '.join(Batch._fields)}, and y at least"
            )
        parts = {name: _tensor(name, each) for name, each in given.items() if each is not None}
        return _checked(Batch(**parts))
    if isinstance(given, Sequence) and not isinstance(given, str) and len(given) in (1, 2):
        if len(given) == 1:
            return _checked(Batch(_tensor("y", given[0])))
        first, second = given
        if pair == "y":
            return _checked(Batch(_tensor("y", first)))
        y, x = (first, second) if pair == "yx" else (second, first)
        return _checked(Batch(_tensor("y", y), _tensor("x", x)))
    if isinstance(given, (Tensor, np.ndarray)):
        return _checked(Batch(_tensor("y", given)))
    what = type(given).__name__
    if isinstance(given, Sequence):
        what += f" of {len(given)}"
    raise InputError(f"a batch is {what}; expected {EXPECTED}")


def tensor_of(given: Any) -> Any:
    """An array of numbers as a tensor; anything else as it is."""
    if not isinstance(given, np.ndarray) or given.dtype.kind not in "biuf":
        return given
    # torch has no arrays that run backwards, in another byte order, or may not be written
    plain = np.ascontiguousarray(given, given.dtype.newbyteorder("="))
    return torch.from_numpy(plain if plain.flags.writeable else plain.copy())


def _tensor(name: str, given: Any) -> Tensor:
    given = tensor_of(given)
    if not isinstance(given, Tensor):
        raise InputError(f"{name} of a batch is {type(given).__name__}; expected a tensor")
    tensor: Tensor = given
    return tensor


def _checked(batch: Batch) -> Batch:
    if batch.y.dim() == 0:
        raise InputError("y of a batch is a single number; expected (n, *shape), a row for each")
    for name, each in zip(Batch._fields, batch, strict=True):
        if each is not None and (each.dim() == 0 or len(each) != len(batch.y)):
            raise InputError(
                f"{name} of a batch has shape {tuple(each.shape)} and y {tuple(batch.y.shape)}; "
                "expected as many rows"
            )
    return batch
