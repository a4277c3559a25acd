"""``thalweg fit auto``: the method is chosen too."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from thalweg.cli.account import account
from thalweg.cli.fitting import FOLDS_SAID, calibrate, check_name, out_for, to_learn_from
from thalweg.cli.options import Data, reads_tables
from thalweg.cli.outcome import about, say
from thalweg.estimators import choose
from thalweg.estimators.storage import save


def command(name: str, sentence: str) -> Any:
    """The command of that name."""
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name, help=sentence)(fit_auto)
    return typer.main.get_command(alone)


@reads_tables
def fit_auto(
    data: Data,
    out: Annotated[
        str | None, typer.Option(help="Where the model goes; without it a name is made.")
    ] = None,
    max_rows: Annotated[
        int, typer.Option(min=20, help="Rows, at most, that methods are tried on.")
    ] = 2000,
    random_state: Annotated[int | None, typer.Option(help="Of what is hidden.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    verbose: Annotated[int, typer.Option(min=0, help="1 shows a bar.")] = 0,
    folds: Annotated[int | None, typer.Option(min=2, help=FOLDS_SAID)] = None,
    *,
    reading: Any,
) -> None:
    """Several methods are tried; the best is fitted to all rows and written."""
    out = out_for(out, "auto", data)
    check_name(out, data)
    began = time.perf_counter()
    values = to_learn_from("rows", data, reading)
    with about(data, out):
        found = choose(values, max_rows=max_rows, random_state=random_state, device=device,
                       verbose=verbose)  # fmt: skip
    save(found.model, out, {})
    if folds is not None:
        with about(data, out):
            calibrate(found.model, values, folds)
        save(found.model, out, {})
    if reading.quiet:
        return
    say("of what was hidden, the mean of each column leaves 1, and")
    wide = max(len(each.name) for each in found.ranking)
    for place, each in enumerate(found.ranking, start=1):
        say(f"{place:3}. {each.name:{wide}} {each.error:6.3f}  ({each.seconds:.1f} s)")
    for line in account(found.model, values, out, time.perf_counter() - began):
        say(line)
