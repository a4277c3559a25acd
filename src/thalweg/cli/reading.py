"""Models and data on their way in, answers on their way out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thalweg.cli import light  # noqa: F401 (before what imports scikit-learn)
from thalweg.cli.outcome import write
from thalweg.core import InputError, write_beside
from thalweg.data.clips import Windows
from thalweg.data.image_files import ImageFiles
from thalweg.data.image_reading import as_images
from thalweg.data.npy import read_npy
from thalweg.data.rows import Rows
from thalweg.data.tables import Encoding, read_data, write_data
from thalweg.data.texts import TextFiles
from thalweg.data.video_files import as_clips
from thalweg.estimators.storage import load_with_extra


def numbers(
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
        _check(data, path, None, learns=columns is None)
        return data, encoding
    if encoding is None and columns is not None:
        raise InputError(f"{path} is a table, and the model was trained on an array; expected .npy")
    known = Encoding.of(data, path) if encoding is None else encoding
    values = known.encode(data, path)
    _check(values, path, known.names, learns=columns is None)
    return values, known


def _check(
    values: NDArray[np.floating], path: str, names: list[str] | None, *, learns: bool
) -> None:
    """Every entry, so that the file is named; what learns from rows needs their squares as well."""
    if learns:
        Rows(values).summary(path, names)
    else:
        Rows(values).check(path, names)


def spare(out: str | None, *inputs: str | None) -> None:
    """Refuse to write where something is that is read: nobody's data or model is lost."""
    if out is None or not os.path.exists(out):
        return
    read = [each for each in inputs if each and os.path.exists(each)]
    if any(os.path.samefile(out, each) for each in read):
        raise InputError(f"--out {out} is what is read; expected another name")


def opened(model: str, data: str, out: str | None) -> tuple[Any, Any, Encoding | None]:
    """A model, and what to ask it about: numbers, or for a model of images where they are."""
    spare(out, model, data)
    fitted, encoding = model_of(model)
    if fitted.about == "images":
        return fitted, as_images(data, fitted.damaged), None
    if fitted.about == "clips":
        return fitted, as_clips(data), None
    if fitted.about == "texts":
        return fitted, TextFiles(data), None
    values, _ = numbers(data, encoding, int(fitted.n_features_in_))
    return fitted, values, encoding


def model_of(path: str) -> tuple[Any, Encoding | None]:
    fitted, extra = load_with_extra(path)
    if "targets" in extra:
        from thalweg.cli.whole_rows import JointRows

        fitted = JointRows(fitted, extra["targets"])
    elif fitted.about == "pairs":
        raise InputError(
            f"{path} was saved from Python and does not say which columns are targets; expected a "
            "model that thalweg fit wrote"
        )
    return fitted, Encoding.from_json(extra["table"]) if extra.get("table") else None


def can(fitted: Any, question: str) -> Any:
    """The method that answers a question, or an error that says there is none."""
    method = getattr(fitted, question, None)
    if method is None:
        raise InputError(
            f"{type(fitted).__name__} cannot answer this: it has no {question} (its documentation "
            "says why)"
        )
    return method


def table_of(values: NDArray[Any], encoding: Encoding | None) -> pl.DataFrame:
    if encoding is not None:
        return encoding.decode(values)
    return pl.DataFrame(values, schema=[f"y{j}" for j in range(values.shape[1])])


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


def give(table: pl.DataFrame, out: str | None) -> None:
    if out is None:
        write(table.write_csv())
    else:
        write_data(table, out)


def read_mask(path: str | None) -> NDArray[Any] | None:
    """An array from a ``.npy`` file, if there is one."""
    return None if path is None else np.array(read_npy(path, "a mask"))


def give_images(made: Callable[[], NDArray[Any]], out: str | None) -> None:
    """Write images once they are made; a bad name is said before."""
    if out is None or Path(out).suffix.lower() != ".npy":
        given = "no --out was given" if out is None else f"--out {out}"
        raise InputError(f"{given}; images go to a file: expected a name that ends in .npy")
    images = made()
    with write_beside(out) as beside, beside.open("wb") as file:
        np.save(file, images)
