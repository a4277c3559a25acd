"""Models on disk: safetensors, what is not a tensor in its header, no code anywhere."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from torch import Tensor

from thalweg.core import Array, Energy, InputError, Learned, Parameter, read_file, write_beside
from thalweg.core.plain import parse_json, to_json
from thalweg.estimators.base.header import Header, header_of
from thalweg.samplers import Sampler

FORMAT = 1
"""Version of the file's layout; raised when an older thalweg could not read a newer file."""


TYPES = (torch.float32, torch.float64, torch.int32, torch.int64, torch.bool)
"""Of tensors that models have"""


MOST_AXES = 8
"""Of a tensor of a model; torch itself ends at 64"""


class Savable(Protocol):
    """A fitted estimator, as far as its file goes."""

    n_features_in_: int

    @property
    def energy_(self) -> Energy: ...

    @property
    def parameters(self) -> Mapping[str, Parameter]: ...

    def _beside(self) -> dict[str, Any]: ...

    @property
    def learned(self) -> Mapping[str, Learned]: ...


class Saved(NamedTuple):
    """What a file holds."""

    header: Header
    energy: dict[str, Tensor]
    """the state of the energy"""
    arrays: dict[str, dict[str, NDArray[Any]]]
    """those among the parameters (``parameter``) and of what fitting found (``fitted``)"""


def save(model: Savable, path: str | os.PathLike[str], extra: dict[str, Any] | None = None) -> None:
    """Write a fitted estimator; ``extra`` (JSON) travels with it."""
    tensors = {f"energy.{k}": v for k, v in model.energy_.state_dict().items()}
    facts: dict[str, Any] = {}
    for name, each in model.learned.items():
        if not each.saved:
            continue
        value = getattr(model, name, None) if each.optional else getattr(model, name)
        if each.optional and value is None:
            continue
        if isinstance(value, np.ndarray):
            tensors[f"fitted.{name}"] = torch.from_numpy(value)
        else:
            facts[name] = to_json(value)
    parameters: dict[str, Any] = {}
    for name, parameter in model.parameters.items():
        value = getattr(model, name)
        if isinstance(value, Sampler) or callable(value):
            # an object of the user's is not needed to ask the model, and loading runs no code
            continue
        plain = value is None or isinstance(value, (str, bool, int, float, np.generic))
        if not plain and isinstance(parameter.constraint, Array):
            tensors[f"parameter.{name}"] = torch.from_numpy(np.ascontiguousarray(value))
            continue
        parameters[name] = to_json(value)
    names = getattr(model, "feature_names_in_", None)
    header = {
        "estimator": type(model).__name__,
        "parameters": parameters,
        "facts": facts,
        "n_features_in": int(model.n_features_in_),
        "feature_names_in": None if names is None else [str(name) for name in names],
        "extra": {**model._beside(), **(extra or {})},
    }
    check_finite(type(model).__name__, tensors)
    tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    written = bytes_of(tensors, {"thalweg": str(FORMAT), "model": json.dumps(header)})
    with write_beside(path) as beside:
        beside.write_bytes(written)


def check_finite(owner: str, tensors: Mapping[str, Tensor]) -> None:
    """Refuse a model that training spoiled."""
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise InputError(
                f"{owner}: {name} has values that are not finite, so that nothing can be asked of "
                "it; expected training that converges (a smaller learning rate may help)"
            )


def read(path: str | os.PathLike[str]) -> Saved:
    """What :func:`save` wrote, or :class:`InputError` for a file that is something else."""
    content = read_file(path, "a model written by thalweg")
    tensors, metadata = parts_of(content, path, "a file written by save or by thalweg fit")
    if "thalweg" not in metadata:
        raise InputError(
            f"{path} is a safetensors file of something else; "
            "expected a file written by save or by thalweg fit"
        )
    try:
        check_version(path, metadata["thalweg"], FORMAT)
        for name, tensor in tensors.items():
            if tensor.ndim > MOST_AXES:
                raise InputError(f"{name} has {tensor.ndim} axes")
            if tensor.dtype not in TYPES:
                raise InputError(f"{name} is {str(tensor.dtype).removeprefix('torch.')}")
            check_values(name, tensor)
        groups: dict[str, dict[str, Tensor]] = {"energy": {}, "fitted": {}, "parameter": {}}
        for name, tensor in tensors.items():
            group, _, rest = name.partition(".")
            if group not in groups:
                raise InputError(f"nothing has the tensor {name}")
            groups[group][rest] = tensor
        arrays = {g: {k: v.numpy() for k, v in groups[g].items()} for g in ("fitted", "parameter")}
        header = header_of(parse_json(metadata.get("model", "")))
        return Saved(header, groups["energy"], arrays)
    except InputError as error:
        raise does_not_fit(path, error) from error


def parts_of(
    content: bytes, path: str | os.PathLike[str], expected: str
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a safetensors file, and its metadata."""
    try:
        tensors = tensors_of(content)
        length = int.from_bytes(content[:8], "little")
        metadata = parse_json(content[8 : 8 + length]).get("__metadata__") or {}
    except (
        SafetensorError,
        ValueError,
        AttributeError,
        KeyError,
        TypeError,
        RuntimeError,
    ) as error:
        raise InputError(
            f"{path} is damaged, cut short, or not a model of thalweg ({error}); "
            f"expected {expected}"
        ) from error
    return tensors, metadata


def check_values(name: str, tensor: Tensor) -> None:
    """Refuse values that are not finite, or whose squares are not."""
    if not bool(tensor.isfinite().all()):
        raise InputError(f"{name} has values that are not finite")
    if tensor.is_floating_point() and tensor.numel():
        largest = float(tensor.abs().max())
        if largest > torch.finfo(tensor.dtype).max ** 0.5:
            raise InputError(f"{name} has a value of {largest:.3g}, too large to be squared")


def check_version(path: str | os.PathLike[str], version: Any, newest: int) -> None:
    """Refuse a version of the layout that is none, or of a newer thalweg."""
    number = str(version)
    if not re.fullmatch(r"[1-9][0-9]{0,8}", number):
        raise InputError(f"{number[:40]!r} is no version of the format")
    if int(number) > newest:
        raise NewerError(
            f"{path} has version {number} of the format, of a newer thalweg; "
            f"expected at most {newest} (upgrade thalweg to read it)"
        )


class NewerError(InputError):
    """A file of a newer thalweg."""


def does_not_fit(path: str | os.PathLike[str], error: Exception) -> InputError:
    """What to say of a file whose parts contradict one another."""
    if isinstance(error, NewerError):
        return error
    return InputError(
        f"{path} is damaged: its header and its tensors do not fit together ({error})"
    )
