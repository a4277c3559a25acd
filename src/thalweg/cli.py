"""The command line: one verb a question."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
import torch
import typer
from numpy.typing import NDArray

from thalweg import questions
from thalweg.core import InputError
from thalweg.data.rows import Rows
from thalweg.data.spool import is_large, spool
from thalweg.data.tables import Encoding, read_data, write_data
from thalweg.estimators.base import FittedModel
from thalweg.estimators.joint import JointRows
from thalweg.estimators.registry import CONDITIONAL, ESTIMATORS, command_name
from thalweg.estimators.storage import load_with_extra, save
from thalweg.plots import draw_landscape, figure, save_figure
from thalweg.training import Run

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Energy-based learning: shape an energy from data, then ask it questions. "
    "DATA is CSV, Parquet or .npy; rows are counted from 0.",
)
fit_app = typer.Typer(
    no_args_is_help=True, help="Fit an energy: thalweg fit METHOD DATA --out MODEL."
)
app.add_typer(fit_app, name="fit")

Model = Annotated[str, typer.Argument(help="A model that thalweg fit wrote.")]
Data = Annotated[str, typer.Argument(help="CSV, Parquet or .npy.")]
Out = Annotated[str | None, typer.Option(help="CSV, Parquet or .npy; standard output without it.")]


def main() -> None:
    """Run the command line; 2 and one line on standard error for what the user can mend."""
    try:
        app()
    except (InputError, OSError) as error:
        message = " ".join(str(error).split())
        sys.stderr.write(f"thalweg: {message}\n")
        raise SystemExit(2) from None


def _numbers(
    path: str, encoding: Encoding | None, columns: int | None = None
) -> tuple[NDArray[np.floating], Encoding | None]:
    data = read_data(path)
    if isinstance(data, np.ndarray):
        if encoding is not None and data.shape[1] != len(encoding.names):
            raise InputError(
                f"{path} has {data.shape[1]} columns; "
                f"expected {len(encoding.names)}, as in training"
            )
        if columns is not None and data.shape[1] != columns:
            raise InputError(
                f"{path} has {data.shape[1]} columns; expected {columns}, as in training"
            )
        Rows(data).summary(path)
        return data, encoding
    if encoding is None and columns is not None:
        raise InputError(f"{path} is a table, and the model was trained on an array; expected .npy")
    known = Encoding.of(data, path) if encoding is None else encoding
    values = known.encode(data, path)
    Rows(values).summary(path, known.names)
    return values, known


def _open(model: str, data: str) -> tuple[Any, NDArray[np.floating], Encoding | None]:
    fitted, encoding = _model(model)
    values, _ = _numbers(data, encoding, int(fitted.n_features_in_))
    return fitted, values, encoding


def _model(path: str) -> tuple[Any, Encoding | None]:
    fitted, extra = load_with_extra(path)
    if "targets" in extra:
        fitted = JointRows(fitted, extra["targets"])
    elif isinstance(fitted, CONDITIONAL):
        raise InputError(
            f"{path} was saved from Python and does not say which columns are targets; expected a "
            "model that thalweg fit wrote"
        )
    return fitted, Encoding.from_json(extra["table"]) if extra.get("table") else None


def _can(fitted: Any, question: str) -> Any:
    """The method that answers a question, or an error that says there is none."""
    method = getattr(fitted, question, None)
    if method is None:
        raise InputError(
            f"{type(fitted).__name__} cannot answer this: it has no {question} (its documentation "
            "says why)"
        )
    return method


def _table(values: NDArray[Any], encoding: Encoding | None) -> pl.DataFrame:
    if encoding is not None:
        return encoding.decode(values)
    return pl.DataFrame(values, schema=[f"y{j}" for j in range(values.shape[1])])


def _give(table: pl.DataFrame, out: str | None) -> None:
    if out is None:
        sys.stdout.write(table.write_csv())
    else:
        write_data(table, out)


@app.command()
def energy(model: Model, data: Data, out: Out = None) -> None:
    """How unusual is each row: F, low where it fits."""
    fitted, values, _ = _open(model, data)
    _give(pl.DataFrame({"energy": fitted.energy(values)}), out)


@app.command()
def codes(model: Model, data: Data, out: Out = None) -> None:
    """The codes z* of each row."""
    fitted, values, _ = _open(model, data)
    found = _can(fitted, "transform")(values)
    _give(pl.DataFrame(found, schema=list(fitted.get_feature_names_out())), out)


@app.command()
def complete(
    model: Model,
    data: Data,
    out: Out = None,
    answer: Annotated[
        str, typer.Option(help="What to fill in: lowest (least energy) or mean.")
    ] = "lowest",
) -> None:
    """Fill what is missing; what is there stays as it is."""
    fitted, values, encoding = _open(model, data)
    filled = _table(fitted.complete(values, answer=answer), encoding)
    given = read_data(data)
    if isinstance(given, pl.DataFrame):
        kept = [
            given[name].fill_nan(None) if given[name].dtype.is_float() else given[name]
            for name in given.columns
        ]
        filled = pl.DataFrame(
            [
                s if s.null_count() == 0 else pl.select(pl.coalesce(s, filled[s.name])).to_series()
                for s in kept
            ]
        )
    _give(filled, out)


@app.command()
def project(model: Model, data: Data, out: Out = None) -> None:
    """The point of the data manifold that is closest to each row."""
    fitted, values, encoding = _open(model, data)
    _give(_table(fitted.project(values), encoding), out)


@app.command()
def sample(
    model: Model,
    n: Annotated[int, typer.Option("-n", help="How many draws.")] = 1,
    random_state: Annotated[int | None, typer.Option(help="Seed.")] = None,
    out: Out = None,
) -> None:
    """Draws from the density of the energy."""
    fitted, encoding = _model(model)
    _give(_table(_can(fitted, "sample")(n, random_state=random_state), encoding), out)


@app.command("map")
def map_(
    model: Model,
    data: Data,
    out: Annotated[str, typer.Option(help="An image: .png, .svg or .pdf.")],
    resolution: Annotated[int, typer.Option(min=2, help="Grid points a side.")] = 200,
) -> None:
    """Draw the energy over the plane of the data's two widest directions."""
    if Path(out).suffix.lower() not in (".png", ".svg", ".pdf"):
        raise InputError(f"{out}: expected a name that ends in .png, .svg or .pdf")
    fitted, values, _ = _open(model, data)
    like = next(fitted.energy_.parameters())
    whole = torch.from_numpy(np.array(fitted.complete(values))).to(like)
    plane = questions.plane_of(whole)
    at = plane.coordinates(whole)
    low, high = at.min(dim=0).values, at.max(dim=0).values
    margin = 0.15 * (high - low).clamp_min(1e-6)
    bottom, top = (low - margin).tolist(), (high + margin).tolist()
    drawn = questions.landscape(
        fitted.energy_, plane, (bottom[0], bottom[1]), (top[0], top[1]), resolution
    )
    result = figure(6.4, 5.2)
    axes = result.axes[0]
    draw_landscape(axes, drawn.a, drawn.b, drawn.energy.numpy(), at.numpy(), title=Path(model).name)
    axes.set_xlabel("first direction" if values.shape[1] > 2 else "y1")
    axes.set_ylabel("second direction" if values.shape[1] > 2 else "y2")
    save_figure(result, out)


@app.command()
def demo(out: Annotated[str, typer.Option(help="A folder, made if need be.")] = "demo") -> None:
    """The main job on real data: fit, ask every question, draw the figures."""
    from thalweg.demo import run

    run(Path(out))


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


def _add_fit(kind: type[FittedModel]) -> None:
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
        values, encoding = spool(Path(data)) if is_large(Path(data)) else _numbers(data, None)
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


for _kind in ESTIMATORS.values():
    _add_fit(_kind)


if __name__ == "__main__":
    main()
