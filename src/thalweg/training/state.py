"""Nested state as tensors and JSON, so that a checkpoint is data and reading it runs no code."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
from torch import Tensor

from thalweg.core import InputError
from thalweg.core.plain import parse_json


def pack(state: Any) -> tuple[dict[str, Tensor], str]:
    """Tensors by number, and JSON that says where each belongs."""
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_outside(state, tensors))
    return tensors, text


def unpack(tensors: dict[str, Tensor], text: str) -> Any:
    """What :func:`pack` was given; InputError for what it does not write."""
    left = dict(tensors)
    try:
        state = _inside(parse_json(text), left)
    except RecursionError:
        raise InputError("its state is nested too deeply") from None
    if left:
        raise InputError(f"nothing has the tensor {min(left)}")
    return state


def _outside(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        name = str(len(tensors))
        # a copy: safetensors refuses tensors that share memory
        tensors[name] = value.detach().cpu().clone().contiguous()
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[_outside(k, tensors), _outside(v, tensors)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_outside(part, tensors) for part in value]}
    if isinstance(value, list):
        return [_outside(part, tensors) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a checkpoint cannot hold a {type(value).__name__}: {value!r}")


def _inside(value: Any, left: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_inside(part, left) for part in value]
    if not isinstance(value, dict):
        return value
    kind, content = next(iter(value.items()), ("", None))
    if len(value) == 1 and kind == "tensor" and isinstance(content, str) and content in left:
        return left.pop(content)
    if len(value) == 1 and kind == "tuple" and isinstance(content, list):
        return tuple(_inside(part, left) for part in content)
    if len(value) == 1 and kind == "dict" and isinstance(content, list):
        return _pairs(content, left)
    raise InputError(f"its state has {value!r:.60}, which is no part of one")


def _pairs(content: list[Any], left: dict[str, Tensor]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for pair in content:
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], (str, int)):
            raise InputError(f"its state has {pair!r:.60}, which is no name and value")
        if pair[0] in found:
            raise InputError(f"its state has {pair[0]!r:.60} twice")
        found[pair[0]] = _inside(pair[1], left)
    return found


class GeneratorState:
    """A generator as a part of a checkpoint."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def check(self, state: dict[str, Any]) -> None:
        """Hold a state to be one of such a generator; this one stays as it is."""
        torch.Generator(self.generator.device).set_state(state["state"])

    def state_dict(self) -> dict[str, Any]:
        return {"state": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.generator.set_state(state["state"])
