"""Models and data on their way in, answers on their way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.cli import light  # noqa: F401 (before what imports scikit-learn)
from thalweg.cli.pictures import photos_of
from thalweg.cli.spare import spare
from thalweg.core import InputError
from thalweg.data.clips import Windows
from thalweg.data.columns import FileTable
from thalweg.data.image_files import ImageFiles
from thalweg.data.image_reading import as_images
from thalweg.data.rows import Rows
from thalweg.data.table_files import FormSaid, open_table
from thalweg.data.tables import read_array
from thalweg.data.texts import TextFiles
from thalweg.data.video_files import as_clips
from thalweg.estimators.storage import load_with_extra


class Reading(NamedTuple):
    """How DATA is read, and what is said."""

    form: FormSaid = FormSaid()
    """of a CSV file, what is not to be found"""
    bad_cells: str = "hide"
    identifiers: tuple[str, ...] = ()
    quiet: bool = False


def is_array(path: str) -> bool:
    """Whether a file is an array rather than a table."""
    return Path(path).suffix.lower() == ".npy"


def table_or_array(path: str, reading: Reading) -> FileTable | NDArray[np.floating]:
    """What there is to learn from or to ask about, not read yet."""
    if not is_array(path):
        return FileTable(open_table(path, reading.form), reading.bad_cells, reading.identifiers)
    if reading.identifiers:
        raise InputError(f"{path}: --id names columns of a table, and this is an array")
    return read_array(path)


def check_array(values: NDArray[np.floating], path: str, columns: int | None = None) -> None:
    """Every entry, so that the file is named; what learns needs their squares as well."""
    if columns is None:
        Rows(values).summary(path)
    elif values.shape[1] != columns:
        raise InputError(
            f"{path} has {values.shape[1]} columns; expected {columns}, as in training"
        )
    else:
        Rows(values).check(path)


def opened(model: str, data: str, out: str | None, reading: Reading) -> tuple[Any, Any]:
    """A model, and what to ask it about: a table or an array, or for images where they are."""
    spare(out, model, data)
    fitted = model_of(model)
    if fitted.about == "images":
        return fitted, as_images(data, fitted.damaged, fitted.shape_)
    if fitted.about == "photos":
        return fitted, photos_of(data, fitted.damaged)
    if fitted.about == "clips":
        return fitted, as_clips(data)
    if fitted.about == "texts":
        return fitted, TextFiles(data)
    asked = table_or_array(data, reading)
    if isinstance(asked, np.ndarray):
        table = fitted.table_
        check_array(asked, data, fitted.n_features_in_ if table is None else table.layout.width)
    elif fitted.table_ is None:
        raise InputError(f"{data} is a table, and the model was trained on an array; expected .npy")
    return fitted, asked


def model_of(path: str) -> Any:
    """A model that can be asked; of one that is about rows, about tables too."""
    fitted, extra = load_with_extra(path)
    if "targets" in extra:
        # slow to import, for models of pairs alone
        from thalweg.cli.whole_rows import JointRows
        from thalweg.estimators.tables.space import RowSpace

        return JointRows(fitted, extra["targets"], RowSpace.of_pairs(extra))
    if fitted.about == "pairs":
        raise InputError(
            f"{path} was saved from Python and does not say which columns are targets; expected a "
            "model that thalweg fit wrote"
        )
    return fitted


def can(fitted: Any, question: str) -> Any:
    """The method that answers a question, or an error that says there is none."""
    method = getattr(fitted, question, None)
    if method is None:
        raise InputError(
            f"{type(fitted).__name__} cannot answer this: it has no {question} (its documentation "
            "says why)"
        )
    return method


def runs_of(fitted: Any, clips: Any) -> tuple[pl.DataFrame, NDArray[Any]]:
    """Every run of frames that a model of clips can say something of, and what is in it.

    The table names the clip and the frame that a run ends with, the one that is asked about.
    """
    rows = Windows(clips, fitted.context + fitted.horizon)
    lengths = [len(clip) - rows.length + 1 for clip in rows.clips]
    table = pl.DataFrame(
        {
            "clip": np.repeat(np.arange(len(lengths)), lengths),
            "frame": np.concatenate([np.arange(n) + rows.length - 1 for n in lengths]),
        }
    )
    return table, rows.take(np.arange(len(rows))).reshape(len(rows), rows.length, *rows.shape)


def by_file(asked: Any, answers: pl.DataFrame) -> pl.DataFrame:
    """Answers with the names of the files that they are about, where they are about files."""
    if not isinstance(asked, ImageFiles):
        return answers
    return answers.insert_column(0, pl.Series("file", asked.names))
