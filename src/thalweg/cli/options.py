"""What several verbs take."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

_DATA = typer.Argument(
    help="CSV (- is standard input), Parquet or .npy; of images a folder, IDX or .npy; of clips "
    ".npy or a video; of texts a file, one a line, Parquet, a folder, or - for standard input."
)

Data = Annotated[str, _DATA]
MaybeData = Annotated[str | None, _DATA]
Model = Annotated[str, typer.Argument(help="A model that thalweg fit wrote.")]
Out = Annotated[str | None, typer.Option(help="CSV, Parquet or .npy; standard output without it.")]


def _of_tables(name: str, kind: Any, default: Any, flag: str, help: str) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, typer.Option(flag, help=help, rich_help_panel="Tables")],
    )


READING = (
    _of_tables("identifiers", list[str] | None, None, "--id",
               "A column that says which row is which: it stands beside the answers. Several times "
               "for several."),
    _of_tables("bad_cells", str, "hide", "--bad-cells",
               "Of cells that cannot be what their column is: hide (they are missing, and told of) "
               "or refuse."),
    _of_tables("separator", str | None, None, "--separator", "Between cells, if it is not found."),
    _of_tables("decimal", str | None, None, "--decimal", "The decimal mark, . or , ."),
    _of_tables("encoding", str | None, None, "--encoding", "Of a CSV file, such as utf-8."),
    _of_tables("quiet", bool, False, "--quiet", "Say nothing on standard error but errors."),
)  # fmt: skip
"""How DATA that is a table is read."""


def reading_of(said: dict[str, Any]) -> Any:
    """Takes the options of READING out of those that were given."""
    from thalweg.cli.reading import Reading
    from thalweg.data.table_files import FormSaid

    given = {each.name: said.pop(each.name) for each in READING}
    form = FormSaid(given["separator"], None, given["encoding"], given["decimal"]).checked()
    if given["bad_cells"] not in ("hide", "refuse"):
        from thalweg.core import InputError

        raise InputError(f"--bad-cells is {given['bad_cells']!r}; expected hide or refuse")
    return Reading(form, given["bad_cells"], tuple(given["identifiers"] or ()), given["quiet"])


def reads_tables(verb: Callable[..., None]) -> Callable[..., None]:
    """Gives a verb, whose last parameter is ``reading``, the options of READING in its place."""
    declared = inspect.signature(verb, eval_str=True).parameters
    own = [each for name, each in declared.items() if name != "reading"]

    @functools.wraps(verb)
    def entry(**said: Any) -> None:
        from thalweg.cli import outcome

        with outcome.about(said.get("data"), said.get("model"), said.get("out")):
            reading = reading_of(said)
            if reading.quiet:
                outcome.be_quiet()
            verb(**said, reading=reading)

    del entry.__wrapped__  # type: ignore[attr-defined]
    entry.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own] + list(READING)
    )
    entry.__annotations__ = {each.name: each.annotation for each in (*own, *READING)}
    return entry
