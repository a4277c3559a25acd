"""Models on disk: safetensors, what is not a tensor in its header, no code anywhere."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from torch import Tensor, nn

from thalweg.core import Array, InputError, write_beside
from thalweg.samplers import Sampler

if TYPE_CHECKING:
    from thalweg.estimators.base import FittedModel

FORMAT = 1
"""Version of the file's layout; raised when an older thalweg could not read a newer file."""


def save(
    model: FittedModel, path: str | os.PathLike[str], extra: dict[str, Any] | None = None
) -> None:
    """Write a fitted estimator; ``extra`` (JSON) travels with it."""
    tensors = {f"energy.{k}": v for k, v in model.energy_.state_dict().items()}
    tensors |= {f"fitted.{k}": v for k, v in model._tensors().items()}
    parameters: dict[str, Any] = {}
    for name, value in model.get_params(deep=False).items():
        plain = value is None or isinstance(value, (str, bool, int, float, np.generic))
        if isinstance(value, (nn.Module, Sampler)):
            # an object of the user's is not needed to ask the model, and loading runs no code
            continue
        if not plain and isinstance(model.parameters[name], Array):
            tensors[f"parameter.{name}"] = torch.from_numpy(np.ascontiguousarray(value))
            continue
        parameters[name] = to_json(value)
    names = getattr(model, "feature_names_in_", None)
    header = {
        "estimator": type(model).__name__,
        "parameters": parameters,
        "facts": {k: to_json(v) for k, v in model._facts().items()},
        "n_features_in": int(model.n_features_in_),
        "feature_names_in": None if names is None else [str(name) for name in names],
        "extra": extra or {},
    }
    tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    written = bytes_of(tensors, {"thalweg": str(FORMAT), "model": json.dumps(header)})
    with write_beside(path) as beside:
        beside.write_bytes(written)


def load(path: str | os.PathLike[str]) -> Any:
    """Read an estimator that ``save`` wrote. Runs no code from the file.

    Raises
    ------
    InputError
        If the file (of a language model the folder) is not there, cut short, not a model, or of a
        newer version.
    """
    return load_with_extra(path)[0]


def load_with_extra(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Any]]:
    """As :func:`load`, and what ``save`` was given as ``extra``."""
    if Path(path).is_dir():
        from thalweg.estimators.text_storage import load_folder

        return load_folder(path), {}
    content = _read(path)
    try:
        tensors = tensors_of(content)
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    except (SafetensorError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path} is damaged, cut short, or not a model of thalweg ({error}); "
            "expected a file written by save or by thalweg fit"
        ) from error
    if "thalweg" not in metadata:
        raise InputError(
            f"{path} is a safetensors file of something else; "
            "expected a file written by save or by thalweg fit"
        )
    if not metadata["thalweg"].isdigit() or int(metadata["thalweg"]) > FORMAT:
        raise InputError(
            f"{path} has version {metadata['thalweg']} of the format, of a newer thalweg; "
            f"expected at most {FORMAT} (upgrade thalweg to read it)"
        )
    try:
        header = json.loads(metadata["model"])
        return _restored(header, tensors), header["extra"]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path} is damaged: its header and its tensors do not fit together ({error})"
        ) from error


def _read(path: str | os.PathLike[str]) -> bytes:
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; expected a model written by thalweg")
    return Path(path).read_bytes()


def _restored(header: dict[str, Any], tensors: dict[str, Tensor]) -> Any:
    from thalweg.estimators.registry import ESTIMATORS

    kind = ESTIMATORS[header["estimator"]]
    groups: dict[str, dict[str, Tensor]] = {"energy": {}, "fitted": {}, "parameter": {}}
    for name, tensor in tensors.items():
        group, _, rest = name.partition(".")
        groups[group][rest] = tensor
    parameters = {k: from_json(v) for k, v in header["parameters"].items()}
    model = kind(**parameters, **{k: v.numpy() for k, v in groups["parameter"].items()})
    model.n_features_in_ = header["n_features_in"]
    if header["feature_names_in"] is not None:
        model.feature_names_in_ = np.array(header["feature_names_in"], dtype=object)
    for name, value in header["facts"].items():
        setattr(model, name, from_json(value))
    return model._restore(groups["energy"], groups["fitted"])


def to_json(value: Any) -> Any:
    """A parameter or a fact as JSON has it; a RandomState moves on and is not kept."""
    if isinstance(value, np.random.RandomState):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    # JSON has no infinity
    if isinstance(value, (tuple, list)):
        return {"tuple": [to_json(part) for part in value]}
    return {"float": str(value)} if isinstance(value, float) and math.isinf(value) else value


def from_json(value: Any) -> Any:
    """What :func:`to_json` was given."""
    if not isinstance(value, dict):
        return value
    if "tuple" in value:
        return tuple(from_json(part) for part in value["tuple"])
    return float(value["float"])
