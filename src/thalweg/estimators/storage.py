"""Saving an estimator, and reading any that was saved. Runs no code from a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from thalweg.core import InputError
from thalweg.core.leftovers import kept
from thalweg.estimators.base.files import does_not_fit, read, save
from thalweg.estimators.base.header import check_extra, check_shapes, facts_of, parameters_of
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
    if not Path(path).exists():
        refuse_kept(path)
    saved = read(path)
    header = saved.header
    if header.estimator not in ESTIMATORS:
        raise InputError(
            f"{path} is of an estimator {header.estimator!r:.60}, which this thalweg does not "
            f"know; expected one of {', '.join(ESTIMATORS)}"
        )
    kind = estimator(header.estimator)
    try:
        parameters = parameters_of(header.parameters, kind.parameters, saved.arrays["parameter"])
        facts = facts_of(header.estimator, header.facts, kind.learned, saved.arrays["fitted"])
        check_extra(header.extra, header.n_features_in)
        model = kind(**parameters)
        model.n_features_in_ = header.n_features_in
        if header.feature_names_in is not None:
            model.feature_names_in_ = np.array(header.feature_names_in, dtype=object)
        for name, value in facts.items():
            setattr(model, name, value)
        model._take_beside(header.extra)
        check_shapes(model, kind.learned)
        return model._restore(saved.energy), header.extra
    except (InputError, RuntimeError, ArithmeticError, AssertionError) as error:
        # what numbers of a file do to arithmetic is the file's
        raise does_not_fit(path, error) from error


def refuse_kept(path: str | os.PathLike[str]) -> None:
    """Name the former model, where a process was killed as it put a new one in its place."""
    former = kept(Path(path).absolute())
    if former is not None:
        raise InputError(
            f"{path} is not there: a process was killed as it wrote it; expected {former}, the "
            "former model, to be given its name"
        )
