"""``thalweg fit``: a command for every estimator, made of its own parameters."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from thalweg.cli.reading import Data, numbers, spare
from thalweg.core import InputError, check_folder
from thalweg.data.spool import is_large, spool
from thalweg.data.tables import Encoding
from thalweg.estimators.base import FittedModel
from thalweg.estimators.registry import CLIPS, CONDITIONAL, IMAGES, TEXTS, command_name
from thalweg.estimators.storage import save
from thalweg.estimators.text_storage import WRITTEN
from thalweg.training import Run


def _positions(names: str, encoding: Encoding | None, width: int, source: str) -> list[int]:
    """Where the columns named in a list stand among the columns of numbers."""
    result: list[int] = []
    for name in (word.strip() for word in names.split(",")):
        if encoding is None:
            if not name.lstrip("-").isdigit() or not -width <= int(name) < width:
                raise InputError(
                    f"{source}: --targets {name!r}; expected positions of its {width} columns, "
                    f"from 0 to {width - 1}"
                )
            result.append(int(name) % width)
            continue
        found = [
            j for j, each in enumerate(encoding.names)
            if each == name or each.startswith(f"{name}=")
        ]  # fmt: skip
        if not found:
            known = ", ".join(column.name for column in encoding.columns)
            raise InputError(f"{source}: --targets {name!r}; expected columns among {known}")
        result.extend(found)
    if len(set(result)) == width:
        raise InputError(f"{source}: --targets are all of its columns; expected some to be given")
    return sorted(set(result))


def _to_learn_from(kind: type[FittedModel], data: str) -> tuple[Any, Encoding | None]:
    if kind in IMAGES or kind in CLIPS:
        return data, None
    if kind in TEXTS:
        return Path(data), None
    return spool(Path(data)) if is_large(Path(data)) else numbers(data, None)


def _option(name: str, kind: Any, default: Any, text: str) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, typer.Option(help=text)],
    )


KEEPING = (
    _option("checkpoint", str | None, None, "A folder for checkpoints, made if need be."),
    _option("every", int, 500, "Steps between checkpoints."),
    _option("resume", bool, False, "Go on from the last checkpoint of the folder."),
    _option("log_dir", str | None, None, "A folder for TensorBoard."),
)
"""Options of methods that train by gradient steps: how a run is kept."""

KEPT = tuple(option.name for option in KEEPING)


def add_fit(fit_app: typer.Typer, kind: type[FittedModel]) -> None:
    """A command ``thalweg fit METHOD`` whose options are the estimator's own parameters."""
    defaults = inspect.signature(kind).parameters
    conditional = kind in CONDITIONAL
    said = _descriptions(inspect.getdoc(kind) or "")

    def command(
        data: str, out: str, targets: str | None, keep: dict[str, Any], **options: Any
    ) -> None:
        estimator = kind(**options)
        estimator._check_parameters()
        if not Path(out).absolute().parent.is_dir():
            raise InputError(f"{out}: the folder {Path(out).parent} does not exist")
        spare(out, data)
        if Path(out).suffix.lower() in (".csv", ".parquet", ".npy"):
            raise InputError(f"{out}: expected the name of a model, such as model.safetensors")
        if kind in TEXTS:
            check_folder(out, WRITTEN)
        values, encoding = _to_learn_from(kind, data)
        fit: Callable[..., Any] = estimator.fit  # type: ignore[attr-defined]
        extra: dict[str, Any] = {"table": None if encoding is None else encoding.to_json()}
        if keep:
            fit = functools.partial(fit, run=Run(**keep))
        if targets is None:
            fit(values)
        else:
            extra["targets"] = _positions(targets, encoding, values.shape[1], data)
            given = [j for j in range(values.shape[1]) if j not in extra["targets"]]
            fit(values[:, given], values[:, extra["targets"]])
        if int(os.environ.get("RANK", "0")) > 0:
            # of processes that train together the first one writes
            return
        if isinstance(estimator, TEXTS):
            estimator.save(out)
        else:
            save(estimator, out, extra)

    parameters = [
        inspect.Parameter("data", inspect.Parameter.KEYWORD_ONLY, annotation=Data),
        inspect.Parameter(
            "out",
            inspect.Parameter.KEYWORD_ONLY,
            annotation=Annotated[str, typer.Option(help="Where the model goes.")],
        ),
    ]
    if conditional:
        text = "Columns to predict, by name (.npy: by position), with commas between."
        parameters.append(
            inspect.Parameter(
                "targets",
                inspect.Parameter.KEYWORD_ONLY,
                annotation=Annotated[str, typer.Option(help=text)],
            )
        )
    trained = "run" in inspect.signature(kind.fit).parameters  # type: ignore[attr-defined]
    if trained:
        parameters.extend(KEEPING)
    for name, constraint in kind.parameters.items():
        default = defaults[name].default
        text = f"{said.get(name, '')} Must be {constraint.describe()}.".strip()
        parameters.append(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=_written(default),
                annotation=Annotated[str, typer.Option(help=text)],
            )
        )

    def entry(**options: Any) -> None:
        data, out, targets = options.pop("data"), options.pop("out"), options.pop("targets", None)
        keep = {name: options.pop(name) for name in KEPT} if trained else {}
        # a default is taken as it is: what is written in the help need not say all of it
        given = {
            name: kind.parameters[name].parse(text)
            for name, text in options.items()
            if text != _written(defaults[name].default)
        }
        command(data, out, targets, keep, **given)

    entry.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    entry.__annotations__ = {p.name: p.annotation for p in parameters}
    first_line = (inspect.getdoc(kind) or "").splitlines()[0]
    fit_app.command(command_name(kind), help=first_line)(entry)


def _descriptions(documentation: str) -> dict[str, str]:
    """What a numpydoc text says of each parameter, by name."""
    part = documentation.partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    result: dict[str, str] = {}
    name = ""
    for line in part.splitlines():
        if not line.startswith(" "):
            name = line.partition(" :")[0]
            result[name] = ""
        else:
            result[name] = f"{result[name]} {line.strip()}".strip()
    return result


def _written(default: Any) -> str:
    """A default as one would write it on the command line."""
    if isinstance(default, (tuple, list)):
        return ",".join(str(part) for part in default)
    return str(default)
