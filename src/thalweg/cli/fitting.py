"""A command of ``thalweg fit``: options are the estimator's declared parameters."""

from __future__ import annotations

import functools
import inspect
import os
import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from thalweg.cli import light  # noqa: F401 (before what imports scikit-learn)
from thalweg.cli.account import account
from thalweg.cli.options import READING, Data, reading_of
from thalweg.cli.outcome import about, be_quiet, say, warn
from thalweg.cli.reading import Reading, check_array, table_or_array
from thalweg.cli.spare import spare
from thalweg.core import InputError, Parameter, check_folder
from thalweg.data.columns import Schema, Table
from thalweg.data.image_reading import as_images
from thalweg.data.texts import TextFiles
from thalweg.data.video_files import as_clips
from thalweg.estimators.base.calibration import CalibratedMixin
from thalweg.estimators.registry import command_name, estimator, sentence
from thalweg.estimators.storage import save
from thalweg.estimators.texts.folder import WRITTEN
from thalweg.training import Run


def _positions(names: str, table: Schema | None, width: int, source: str) -> list[int]:
    """Where the columns named in a list stand among the entries of a row."""
    result: list[int] = []
    for name in (word.strip() for word in names.split(",")):
        if table is None:
            if not re.fullmatch(r"-?[0-9]{1,9}", name) or not -width <= int(name) < width:
                raise InputError(
                    f"{source}: --targets {name!r}; expected positions of its {width} columns, "
                    f"from 0 to {width - 1}"
                )
            result.append(int(name) % width)
            continue
        places = table.places(name)
        if not places:
            known = ", ".join(column.name for column in table.columns if column.width)
            raise InputError(f"{source}: --targets {name!r}; expected columns among {known}")
        result.extend(places)
    if len(set(result)) == width:
        raise InputError(f"{source}: --targets are all of its columns; expected some to be given")
    return sorted(set(result))


def to_learn_from(room: str, data: str, reading: Reading) -> Any:
    if room in ("images", "photos", "clips"):
        return data
    if room == "texts":
        return Path(data)
    given = table_or_array(data, reading)
    if isinstance(given, np.ndarray):
        check_array(given, data)
    return given


def out_for(out: str | None, method: str, data: str) -> str:
    """The name of the model's file: one that nothing has yet, where none is said."""
    if out is not None:
        return out
    stem = "table" if data == "-" else Path(data).name.split(".")[0] or "data"
    name = f"{stem}.{method}.safetensors"
    if os.path.lexists(name):
        raise InputError(f"{name} is there already; expected --out with the model's name")
    return name


def check_name(out: str, data: str) -> None:
    """Whether a model can be written there, before anything is learned."""
    if not Path(out).absolute().parent.is_dir():
        raise InputError(f"{out}: the folder {Path(out).parent} does not exist")
    spare(out, data)
    if Path(out).suffix.lower() in (".csv", ".parquet", ".npy"):
        raise InputError(f"{out}: expected the name of a model, such as model.safetensors")


def _fit(
    kind: Any, data: str, out: str, targets: str | None, run: Run | None, given: dict[str, Any],
    reading: Reading, folds: int | None, held_out: str | None,
) -> None:  # fmt: skip
    """Fit an estimator of a kind with what was given, and write it."""
    model = kind(**given)
    model.check_parameters()
    check_name(out, data)
    if kind.about == "texts":
        check_folder(out, WRITTEN)
    began = time.perf_counter()
    values = to_learn_from(kind.about, data, reading)
    fit: Callable[..., Any] = model.fit if run is None else functools.partial(model.fit, run=run)
    extra: dict[str, Any] = {}
    kept = () if run is None else (run.checkpoint, run.log_dir)
    with about(data, out, *kept):
        if targets is None:
            fit(values)
        else:
            _fit_pairs(fit, values, targets, extra, data)
    if int(os.environ.get("RANK", "0")) > 0:
        # of processes that train together the first one writes
        return
    write: Callable[[], None] = functools.partial(save, model, out, extra)
    if kind.about == "texts":
        write = functools.partial(model.save, out)
    write()
    # the model is safe already, should there be too little to calibrate it by
    if folds is not None:
        with about(data, out, *kept):
            calibrate(model, values, folds)
        write()
    if held_out is not None:
        with about(held_out, out):
            calibrate(model, _held_out(kind.about, held_out, reading, model), None)
        write()
    if not reading.quiet and kind.about == "rows":
        for sentence in account(model, values, out, time.perf_counter() - began):
            say(sentence)


def _held_out(room: str, data: str, reading: Reading, model: Any) -> Any:
    """What a model is calibrated by, in the form that it is asked about."""
    if room == "texts":
        return TextFiles(data)
    if room == "images":
        return as_images(data, model.damaged, model.shape_)
    return as_clips(data) if room == "clips" else to_learn_from(room, data, reading)


def calibrate(model: Any, values: Any, folds: int | None) -> None:
    with warnings.catch_warnings():
        # what there is to say of the table was said when it was fitted
        warnings.simplefilter("ignore", UserWarning)
        model.calibrate(values, folds=folds)


def _fit_pairs(
    fit: Callable[..., Any], values: Any, targets: str, extra: dict[str, Any], data: str
) -> None:
    """Fit a model that predicts some columns of whole rows from the others."""
    table: Schema | None = None
    if isinstance(values, Table):
        table = values.schema()
        extra["table"] = table.to_json()
        values, said = values.encoded(table)
        for sentence in said:
            warn(sentence)
    extra["targets"] = _positions(targets, table, values.shape[1], data)
    given_columns = [j for j in range(values.shape[1]) if j not in extra["targets"]]
    fit(values[:, given_columns], values[:, extra["targets"]])


def option(name: str, kind: Any, text: str, default: Any = ...) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if default is ... else default,
        annotation=Annotated[kind, typer.Option(help=text)],
    )


FOLDS_SAID = (
    "Fit so many times more, each without a part of the rows, so that energies have p-values."
)

FOLDS = option("folds", int | None, FOLDS_SAID, None)

HELD_OUT = option(
    "calibrate",
    str | None,
    "Data like DATA that is not learned from, so that energies have p-values.",
    None,
)

RUN = (
    option("checkpoint", str | None, "A folder for checkpoints, made if need be.", None),
    option("every", int, "Steps between checkpoints.", 500),
    option("resume", bool, "Go on from the last checkpoint of the folder.", False),
    option("log_dir", str | None, "A folder for TensorBoard.", None),
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
        option("out", str | None, "Where the model goes; without it a name is made.", None),
    ]
    if kind.about == "pairs":
        text = "Columns to predict, by name (.npy: by position), with commas between."
        options.append(option("targets", str, text))
    trained = "run" in inspect.signature(kind.fit).parameters
    options.extend(RUN if trained else ())
    options.extend([FOLDS] if kind.about == "rows" else ())
    options.extend([HELD_OUT] if issubclass(kind, CalibratedMixin) else ())
    options.extend(READING if kind.about in ("rows", "pairs") else ())
    options.extend(
        option(name, str, each.help, _written(each.default)) for name, each in declared.items()
    )

    def entry(**said: Any) -> None:
        data, out, targets = said.pop("data"), said.pop("out"), said.pop("targets", None)
        folds, held_out = said.pop("folds", None), said.pop("calibrate", None)
        if folds is not None and held_out is not None:
            raise InputError("--folds and --calibrate are both given; expected one of them")
        out = out_for(out, command_name(name), data)
        reading = reading_of(said) if kind.about in ("rows", "pairs") else Reading()
        if reading.quiet:
            be_quiet()
        run = Run(**{each.name: said.pop(each.name) for each in RUN}) if trained else None
        # a default is taken as it is: what is written in the help need not say all of it
        given = {
            name: declared[name].constraint.parse(text)
            for name, text in said.items()
            if text != _written(declared[name].default)
        }
        _fit(kind, data, out, targets, run, given, reading, folds, held_out)

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
