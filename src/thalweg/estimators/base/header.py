"""What the header of a saved model may say: checked whole before anything is built of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from thalweg.core import Array, Constraint, InputError, Integer, Learned, Parameter
from thalweg.core.plain import from_json
from thalweg.data.columns import Schema

MOST = 2**31
"""Columns, at most"""


class Header(NamedTuple):
    """What a saved model says of itself, besides its tensors."""

    estimator: str
    parameters: dict[str, Any]
    facts: dict[str, Any]
    n_features_in: int
    feature_names_in: list[str] | None
    extra: dict[str, Any]


def header_of(content: Any) -> Header:
    """A header of the right parts, each of the right type; their values are checked later."""
    if not isinstance(content, dict):
        raise InputError("its header is no object of JSON")
    for name in sorted({*Header._fields} ^ {*content}):
        raise InputError(f"its header has {'no' if name in Header._fields else 'a part'} {name!r}")
    header = Header(**content)
    if not isinstance(header.estimator, str):
        raise InputError("estimator of its header is no name")
    for name in ("parameters", "facts", "extra"):
        if not isinstance(content[name], dict):
            raise InputError(f"{name} of its header is no object of JSON")
    if not Integer(1).allows(header.n_features_in) or header.n_features_in >= MOST:
        raise InputError(
            f"n_features_in must be a whole number of at least 1, got {_shown(header)}"
        )
    names = header.feature_names_in
    if names is not None:
        if not _texts(names) or len(set(names)) != len(names):
            raise InputError("feature_names_in must be different names, or null")
        if len(names) != header.n_features_in:
            raise InputError(f"{len(names)} feature_names_in, and {header.n_features_in} columns")
    return header


def _shown(header: Header) -> str:
    return repr(header.n_features_in)[:40]


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def parameters_of(
    given: Mapping[str, Any], declared: Mapping[str, Parameter], arrays: Mapping[str, Any]
) -> dict[str, Any]:
    """Parameters, each held to its declaration; those that are arrays are among the tensors."""
    found: dict[str, Any] = {
        name: each.earlier for name, each in declared.items() if each.earlier is not None
    }
    for name, value in given.items():
        if name not in declared:
            raise InputError(f"{_name(name)} is no parameter")
        constraint = declared[name].constraint
        found[name] = _held(name, value, constraint)
        if isinstance(constraint, Array) and isinstance(found[name], tuple):
            raise InputError(f"{name} must be among the tensors")
    for name, array in arrays.items():
        if name not in declared or not isinstance(declared[name].constraint, Array):
            raise InputError(f"{_name(name)} is no parameter that is an array")
        if name in given:
            raise InputError(f"{name} is there twice")
        found[name] = array
    return found


def facts_of(
    owner: str,
    given: Mapping[str, Any],
    declared: Mapping[str, Learned],
    arrays: Mapping[str, Any],
) -> dict[str, Any]:
    """What fitting found, the whole of it, each held to its declaration."""
    for name in sorted({*given, *arrays}):
        if name not in declared or not declared[name].saved:
            raise InputError(f"{_name(name)} is nothing that {owner} saves")
    found: dict[str, Any] = {}
    for name, each in declared.items():
        if not each.saved:
            continue
        there = arrays if each.constraint is None else given
        if name not in there:
            # files of versions that did not know of it, too
            if each.optional or (each.constraint is not None and each.constraint.allows(None)):
                found[name] = None
                continue
            raise InputError(f"there is no {name}")
        if each.constraint is not None:
            found[name] = _held(name, given[name], each.constraint)
        else:
            found[name] = arrays[name]
    return found


def _held(name: str, value: Any, constraint: Constraint) -> Any:
    found = from_json(value)
    if not constraint.allows(found):
        shown = repr(found)
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        raise InputError(f"{name} must be {constraint.describe()}, got {shown}")
    return found


def check_shapes(model: Any, declared: Mapping[str, Learned]) -> None:
    """Hold saved arrays to the lengths that the model has otherwise."""
    for name, each in declared.items():
        if each.shape is None or (each.optional and getattr(model, name) is None):
            continue
        expected = [None if part == "any" else getattr(model, part) for part in each.shape]
        shape = getattr(model, name).shape
        fits = len(shape) == len(expected) and all(
            (b is None and a > 0) or a == b for a, b in zip(shape, expected, strict=True)
        )
        if not fits:
            wanted = ", ".join("any" if b is None else str(b) for b in expected)
            raise InputError(f"{name} has shape {tuple(shape)}; expected ({wanted})")


def check_extra(extra: Mapping[str, Any], columns: int) -> None:
    """Which columns of a table a model of pairs was trained to predict."""
    targets = extra.get("targets")
    if targets is None:
        return
    if not isinstance(targets, list) or not all(Integer(0).allows(j) for j in targets):
        raise InputError("targets must be a list of positions")
    columns += len(targets)
    if len(set(targets)) != len(targets) or not all(j < columns for j in targets):
        raise InputError(f"targets must be different positions below {columns}")
    if extra.get("table") is not None:
        check_width(Schema.from_json(extra["table"]), columns)


def check_width(table: Schema, columns: int) -> None:
    """Hold a table to the number of entries that its rows have."""
    if table.layout.width != columns:
        raise InputError(f"table makes {table.layout.width} columns; expected {columns}")


def _name(name: str) -> str:
    """A name that a file made up."""
    return name if name.isidentifier() and len(name) <= 40 else repr(name[:40])
