"""Saving an estimator, and reading any that was saved. Runs no code from a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from thalweg.core import InputError
from thalweg.core.plain import from_json
from thalweg.estimators.base.files import does_not_fit, read, save
from thalweg.estimators.registry import ESTIMATORS, estimator

__all__ = ["load", "load_with_extra", "save"]


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
        from thalweg.estimators.texts.folder import load_folder

        return load_folder(path, estimator("MaskedLanguageModel")), {}
    saved = read(path)
    header = saved.header
    if header.get("estimator") not in ESTIMATORS:
        raise InputError(
            f"{path} is of an estimator {header.get('estimator')!r}, which this thalweg does not "
            f"know; expected one of {', '.join(ESTIMATORS)}"
        )
    try:
        kind = estimator(header["estimator"])
        parameters = {k: from_json(v) for k, v in header["parameters"].items()}
        model = kind(**parameters, **saved.arrays["parameter"])
        model.n_features_in_ = header["n_features_in"]
        if header["feature_names_in"] is not None:
            model.feature_names_in_ = np.array(header["feature_names_in"], dtype=object)
        facts = {k: from_json(v) for k, v in header["facts"].items()}
        for name, value in {**facts, **saved.arrays["fitted"]}.items():
            if name not in kind.learned or not kind.learned[name].saved:
                raise ValueError(f"{name} is nothing that {kind.__name__} saves")
            setattr(model, name, value)
        return model._restore(saved.energy), header["extra"]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise does_not_fit(path, error) from error
