"""Findings as one page of HTML, which needs nothing else."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, StrictUndefined

from thalweg.core import InputError, write_beside
from thalweg.data.columns import Table, read_table
from thalweg.data.table_files import TableWriter
from thalweg.report.findings import Findings, look_at

WRITTEN = ("report.html", "filled.csv", "unusual.csv")


def report(
    data: Any,
    out: str | os.PathLike[str],
    model: Any = None,
    *,
    fdr: float = 0.1,
    random_state: int = 0,
    shown: bool = False,
    n_steps: int = 2000,
) -> Path:
    """Write ``report.html`` into a folder: what is in a table, what is unusual, what is missing.

    The page is one file, asks nothing of any server and can be sent by mail. Beside it stand
    ``filled.csv``, the table without gaps, and ``unusual.csv``, the rows that are called unusual.

    Parameters
    ----------
    data : path, data frame or Table
    out : path
        A folder, made if need be.
    model : estimator of tables, optional
        Whose energies say what is unusual; :class:`~thalweg.estimators.AnomalyDetector` by default.
    fdr : float, default 0.1
        Of the rows that are called unusual, the share that may be false alarms.
    random_state : int, default 0
    shown : bool, default False
        Whether to show a progress bar.
    n_steps : int, default 2000
        Of the masked autoencoder that fills gaps in.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    InputError
        If there is no table to read, or the folder is a file.

    Examples
    --------
    >>> import tempfile, polars as pl
    >>> from thalweg.report import report
    >>> frame = pl.DataFrame({"a": [*range(40)], "b": [2.0 * i for i in range(39)] + [None]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report(frame, folder, n_steps=50).name
    'report.html'
    """
    table = _table(data)
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; expected a folder, or a name for a new one")
    if not folder.absolute().parent.is_dir():
        raise InputError(f"{folder}: the folder {folder.parent} does not exist")
    found = look_at(table, model, fdr, random_state, shown, n_steps)
    folder.mkdir(exist_ok=True)
    separator = getattr(table, "separator", ",")
    _write(found.gaps.whole, folder / "filled.csv", separator)
    chosen = found.unusual.chosen
    unusual = found.frame[chosen.tolist()]
    for name, values in (("energy", found.unusual.energy[chosen]), ("row", chosen)):
        # nothing that a table has is lost
        free = name if name not in unusual.columns else f"{name} (report)"
        unusual = unusual.insert_column(0, pl.Series(free, values))
    _write(unusual, folder / "unusual.csv", separator)
    page = folder / "report.html"
    with write_beside(page) as beside:
        beside.write_text(rendered(found), encoding="utf-8")
    return page


def _write(frame: pl.DataFrame, path: Path, separator: str) -> None:
    """As the file that it is of is written."""
    with TableWriter(path, separator) as writer:
        writer.append(frame)


def rendered(found: Findings) -> str:
    """The page."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = lambda value: f"{value:.0%}"
    environment.filters["bars"] = _bars
    template = files("thalweg.report").joinpath("report.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        found=found,
        title=Path(found.name).name or found.name,
        said=_sentences(found),
        next=_commands(found),
    )


def _table(data: Any) -> Table:
    if isinstance(data, Table):
        return data
    return read_table(data) if isinstance(data, (str, os.PathLike)) else Table(data)


def _sentences(found: Findings) -> list[str]:
    """What matters most, in a few sentences."""
    chosen, gaps = len(found.unusual.chosen), found.gaps
    said = []
    if chosen:
        first = found.unusual.shown[0]
        why = ", ".join(f"{c.column} {c.value} (usual: {c.usual})" for c in first.cells[:2])
        stand = "stands" if chosen == 1 else "stand"
        said.append(
            f"{_counted(chosen, 'row')} of {found.looked_at:,} {stand}"
            f" out; of those named about {found.fdr:.0%} may be false alarms. Most of all row "
            f"{first.number}{': ' + why if why else ''}."
        )
    else:
        said.append(f"No row stands out so that fewer than {found.fdr:.0%} would be false alarms.")
    if gaps.total:
        told = "" if found.error is None else (
            f"; of cells that were hidden to try it {max(0.0, 1 - found.error):.0%} of the spread "
            "came back"
        )  # fmt: skip
        is_ = "is" if gaps.total == 1 else "are"
        said.append(f"{_counted(gaps.total, 'cell')} in {_counted(gaps.rows, 'row')} "
                    f"{is_} missing and {is_} filled in{told}.")  # fmt: skip
    else:
        said.append("Nothing is missing.")
    if found.groups.groups:
        sizes = ", ".join(f"{group.size:,}" for group in found.groups.groups)
        said.append(f"Rows fall into {len(found.groups.groups)} groups, of {sizes} rows.")
    else:
        said.append("Rows fall into no clear groups.")
    said.extend(f"{sentence}." for sentence in found.relations.sentences[:2])
    return said


def _commands(found: Findings) -> list[tuple[str, str]]:
    """What to do next, and the command for it."""
    name = shlex.quote(found.name)
    return [
        ("keep the model that says what is unusual, with p-values of its own",
         f"thalweg fit anomaly-detector {name} --out detector.safetensors --folds 5"),
        ("ask it about new rows", "thalweg energy detector.safetensors NEW.csv"),
        ("why they are unusual",
         "thalweg explain detector.safetensors NEW.csv --figure cells.png"),
        ("keep the model that fills gaps in",
         f"thalweg fit imputer {name} --out imputer.safetensors"),
        ("fill in new rows", "thalweg complete imputer.safetensors NEW.csv --answer mean"),
    ]  # fmt: skip


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _bars(heights: Sequence[float]) -> list[tuple[float, float, float]]:
    """x, y and height of each bar in a picture of 96 by 24."""
    width = 96 / max(1, len(heights))
    return [(i * width, 24 - 24 * h, 24 * h) for i, h in enumerate(heights)]
