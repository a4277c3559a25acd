"""What runs when ``thalweg`` is typed."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import typer

from thalweg.cli.fitting import add_fit
from thalweg.cli.questions import app as verbs
from thalweg.core import InputError
from thalweg.estimators.registry import ESTIMATORS

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Energy-based learning: shape an energy from data, then ask it questions. "
    "DATA is CSV, Parquet or .npy; of images a folder, IDX or .npy; "
    "of clips .npy or a video; of texts a file, a folder or - for standard input. "
    "Rows are counted from 0.",
)
fit_app = typer.Typer(
    no_args_is_help=True, help="Fit an energy: thalweg fit METHOD DATA --out MODEL."
)
app.add_typer(verbs)
app.add_typer(fit_app, name="fit")
for _kind in ESTIMATORS.values():
    add_fit(fit_app, _kind)


def main() -> None:
    """Run the command line; 2 and one line on standard error for what the user can mend."""
    warnings.showwarning = _say
    try:
        app()
    except (InputError, OSError) as error:
        message = " ".join(str(error).split())
        sys.stderr.write(f"thalweg: {message}\n")
        raise SystemExit(2) from None


def _say(message: Warning | str, *where: Any, **more: Any) -> None:
    """A warning in one line: where in the code it was raised says nothing to who typed this."""
    sys.stderr.write(f"thalweg: {' '.join(str(message).split())}\n")
