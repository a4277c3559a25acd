"""One page on a table in a file."""

from __future__ import annotations

import warnings

import numpy as np
from rich.console import Console

from thalweg.cli import outcome
from thalweg.cli.reading import Reading, model_of, table_or_array
from thalweg.cli.spare import spare
from thalweg.core import InputError
from thalweg.report import report as write_report


def report(data: str, out: str, model: str | None, fdr: float, reading: Reading) -> None:
    """Write the page, with a bar where somebody looks."""
    spare(out, data, model)
    fitted = None if model is None else model_of(model)
    if fitted is not None and fitted.about != "rows":
        raise InputError(f"{model} is a model of {fitted.about}; expected one of tables")
    table = table_or_array(data, reading)
    if isinstance(table, np.ndarray):
        raise InputError(f"{data} is an array; a report is of a table with names: CSV or Parquet")
    shown = not reading.quiet and Console(stderr=True).is_terminal
    with warnings.catch_warnings():
        # what is to be said of cells is on the page
        warnings.simplefilter("ignore", UserWarning)
        page = write_report(table, out, fitted, fdr=fdr, shown=shown)
    outcome.write(f"{page} says what is in {data}\n")
