"""What several verbs take."""

from __future__ import annotations

from typing import Annotated

import typer

_DATA = typer.Argument(
    help="CSV, Parquet or .npy; of images a folder, IDX or .npy; of clips .npy or a video; "
    "of texts a file, one a line, Parquet, a folder, or - for standard input."
)

Data = Annotated[str, _DATA]
MaybeData = Annotated[str | None, _DATA]
Model = Annotated[str, typer.Argument(help="A model that thalweg fit wrote.")]
Out = Annotated[str | None, typer.Option(help="CSV, Parquet or .npy; standard output without it.")]
