"""A command of ``thalweg fit``: options are the estimator's declared parameters."""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from thalweg.cli import light  # noqa: F401 (before what imports scikit-learn)
from thalweg.cli.options import Data
from thalweg.cli.outcome import about
from thalweg.cli.reading import numbers, spare
from thalweg.core import InputError, Parameter, check_folder
from thalweg.data.spool import is_large, spool
from thalweg.data.tables import Encoding
from thalweg.estimators.registry import command_name, estimator, sentence
from thalweg.estimators.storage import save
from thalweg.estimators.texts.folder import WRITTEN
from thalweg.training import Run


def _positions(names: str, encoding: Encoding | None, width: int, source: str) -> list[int]:
    """Where the columns named in a list stand among the columns of numbers."""
    result: list[int] = []
    for name in (word.strip() for word in names.split(",")):
        if encoding is None:
            if not re.fullmatch(r"-?[0-9]{1,9}", name) or not -width <= int(name) < width:
                raise InputError(
                    f"{source}: --targets {name!r}; expected positions of its {width} columns, "
                    f"from 0 to {width - 1}"
                )
            result.append(int(name) % width)
            continue
        columns = [
            j for j, each in enumerate(encoding.names)
            if each == name or each.startswith(f"{name}=")
        ]  # fmt: skip
        if not columns:
            known = ", ".join(column.name for column in encoding.columns)
            raise InputError(f"{source}: --targets {name!r}; expected columns among {known}")
        result.extend(columns)
    if len(set(result)) == width:
        raise InputError(f"{source}: --targets are all of its columns; expected some to be given")
    return sorted(set(result))


def _to_learn_from(room: str, data: str) -> tuple[Any, Encoding | None]:
    if room in ("images", "clips"):
        return data, None
    if room == "texts":
        return Path(data), None
    return spool(Path(data)) if is_large(Path(data)) else numbers(data, None)


def _fit(
    kind: Any, data: str, out: str, targets: str | None, run: Run | None, given: dict[str, Any]
) -> None:
    """Fit an estimator of a kind with what was given, and write it."""
    model = kind(**given)
    model.check_parameters()
    if not Path(out).absolute().parent.is_dir():
        raise InputError(f"{out}: the folder {Path(out).parent} does not exist")
    spare(out, data)
    if Path(out).suffix.lower() in (".csv", ".parquet", ".npy"):
        raise InputError(f"{out}: expected the name of a model, such as model.safetensors")
    if kind.about == "texts":
        check_folder(out, WRITTEN)
    values, encoding = _to_learn_from(kind.about, data)
    fit: Callable[..., Any] = model.fit if run is None else functools.partial(model.fit, run=run)
    extra: dict[str, Any] = {"table": None if encoding is None else encoding.to_json()}
    kept = () if run is None else (run.checkpoint, run.log_dir)
    with about(data, out, *kept):
        if targets is None:
            fit(values)
        else:
            extra["targets"] = _positions(targets, encoding, values.shape[1], data)
            given_columns = [j for j in range(values.shape[1]) if j not in extra["targets"]]
            fit(values[:, given_columns], values[:, extra["targets"]])
    if int(os.environ.get("RANK", "0")) > 0:
        # of processes that train together the first one writes
        return
    if kind.about == "texts":
        model.save(out)
    else:
        save(model, out, extra)


def _option(name: str, kind: Any, text: str, default: Any = ...) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if default is ... else default,
        annotation=Annotated[kind, typer.Option(help=text)],
    )


RUN = (
    _option("checkpoint", str | None, "A folder for checkpoints, made if need be.", None),
    _option("every", int, "Steps between checkpoints.", 500),
    _option("resume", bool, "Go on from the last checkpoint of the folder.", False),
    _option("log_dir", str | None, "A folder for TensorBoard.", None),
)
"""Options of methods that train by gradient steps: how a run is kept."""


def command_for(name: str) -> Any:
    """The command ``thalweg fit METHOD`` of an estimator.

    A parameter is an option: its name, its default, its sentence and what it must be are those of
    its declaration (:func:`thalweg.core.parameter`).
    """
    kind = estimator(name)
    declared: dict[str, Parameter] = dict(kind.parameters)
    options = [
        inspect.Parameter("data", inspect.Parameter.KEYWORD_ONLY, annotation=Data),
        _option("out", str, "Where the model goes."),
    ]
    if kind.about == "pairs":
        text = "Columns to predict, by name (.npy: by position), with commas between."
        options.append(_option("targets", str, text))
    trained = "run" in inspect.signature(kind.fit).parameters
    options.extend(RUN if trained else ())
    options.extend(
        _option(name, str, each.help, _written(each.default)) for name, each in declared.items()
    )

    def entry(**said: Any) -> None:
        data, out, targets = said.pop("data"), said.pop("out"), said.pop("targets", None)
        run = Run(**{each.name: said.pop(each.name) for each in RUN}) if trained else None
        # a default is taken as it is: what is written in the help need not say all of it
        given = {
            name: declared[name].constraint.parse(text)
            for name, text in said.items()
            if text != _written(declared[name].default)
        }
        _fit(kind, data, out, targets, run, given)

    entry.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    entry.__annotations__ = {each.name: each.annotation for each in options}
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(command_name(name), help=sentence(name))(entry)
    return typer.main.get_command(alone)


def _written(default: Any) -> str:
    """A default as one would write it on the command line."""
    if isinstance(default, (tuple, list)):
        return ",".join(str(part) for part in default)
    return str(default)
