"""Nested state as tensors and JSON, so that a checkpoint is data and reading it runs no code."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
from torch import Tensor


def pack(state: Any) -> tuple[dict[str, Tensor], str]:
    """Tensors by number, and JSON that says where each belongs."""
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_outside(state, tensors))
    return tensors, text


def unpack(tensors: dict[str, Tensor], text: str) -> Any:
    """What :func:`pack` was given."""
    return _inside(json.loads(text), tensors)


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


def _inside(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_inside(part, tensors) for part in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "tuple":
        return tuple(_inside(part, tensors) for part in content)
    return {_inside(k, tensors): _inside(v, tensors) for k, v in content}


class GeneratorState:
    """A generator as a part of a checkpoint."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def state_dict(self) -> dict[str, Any]:
        return {"state": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.generator.set_state(state["state"])
