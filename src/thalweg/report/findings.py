"""All that a report says of a table, as plain values."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from thalweg.core import InputError, progress
from thalweg.data.columns import Table
from thalweg.data.columns.word import Constant
from thalweg.energies import Surprisal
from thalweg.estimators import AnomalyDetector, Imputer
from thalweg.report.columns import ColumnFacts, facts_of
from thalweg.report.gaps import Gaps, filled_gaps
from thalweg.report.groups import Groups, groups_of
from thalweg.report.landscape import Map, map_of
from thalweg.report.relations import Relations, relations_of
from thalweg.report.unusual import Unusual, unusual_rows

MOST_ROWS = 50_000
"""Rows that are looked at; of more so many are drawn"""

BODY = 0.8
"""Of the rows, by a model that was not calibrated: those that are taken for usual"""

STAGES = ("unusual rows", "gaps", "groups", "relations", "map")


class Findings(NamedTuple):
    """What was found out about a table."""

    name: str
    rows: int
    """of the table"""
    frame: pl.DataFrame
    """rows that were looked at"""
    notes: list[str]
    """what was made clear as it was read, and which cells are no values"""
    columns: list[ColumnFacts]
    kinds: str
    unusual: Unusual
    fdr: float
    gaps: Gaps
    error: float | None
    """mean squared error of a cell that was hidden; the mean of its column costs 1"""
    groups: Groups
    relations: Relations
    map: Map | None
    method: str
    """by which energies"""

    @property
    def looked_at(self) -> int:
        """How many rows were looked at."""
        return self.frame.height


def look_at(
    table: Table,
    model: Any = None,
    fdr: float = 0.1,
    seed: int = 0,
    shown: bool = False,
    n_steps: int = 2000,
) -> Findings:
    """Find out what there is to say of a table.

    Parameters
    ----------
    table : Table
    model : estimator of tables, optional
        Whose energies say what is unusual; ``AnomalyDetector`` by default.
    fdr : float, default 0.1
        Of the rows that are called unusual, the share that may be false alarms.
    seed : int, default 0
    shown : bool, default False
        Whether to show a progress bar.
    n_steps : int, default 2000
        Of the masked autoencoder that fills gaps in.
    """
    frame, count = table.frame, table.frame.height
    if count > MOST_ROWS:
        chosen = np.sort(np.random.default_rng(seed).permutation(count)[:MOST_ROWS])
        frame = frame[chosen.tolist()]
    looked = table.with_frame(frame)
    with progress("report", len(STAGES), shown) as bar:
        bar(0, STAGES[0])
        if model is None:
            model = AnomalyDetector(random_state=seed).fit(looked)
        elif model.table_ is None:
            raise InputError("report: the model was trained on an array; expected one of tables")
        schema = model.table_
        raw, said = looked.encoded(schema)
        unusual = unusual_rows(model, looked, _rarity(model, looked), fdr)
        bar(1, STAGES[1])
        imputer = Imputer(random_state=seed, n_steps=n_steps).fit(looked)
        gaps = filled_gaps(imputer, looked, seed)
        bar(2, STAGES[2])
        whole = looked.with_frame(gaps.whole)
        groups = groups_of(gaps.whole, schema, _without_gaps(imputer, whole), seed)
        bar(3, STAGES[3])
        told = _told(imputer)
        order = sorted(told, key=lambda name: -told[name])
        own = imputer.table_
        assert own is not None
        spans = {column.name: at for column, at in own.spans}
        order = [name for name in order if told[name] > 0]
        best = imputer.members_[min(1, len(imputer.members_) - 1)]
        relations = relations_of(
            best,
            imputer.rows_of(looked),
            order,
            [spans[name] for name in order],
            [told[name] for name in order],
            seed,
        )
        bar(4, STAGES[4])
        wanted = sorted(unusual.shares, key=lambda name: -unusual.shares[name])
        drawn = map_of(model, raw, unusual.chosen[:200], wanted)
        bar(5, "")
    columns = facts_of(frame, schema, raw, told)
    return Findings(
        table.name, count, frame, [*table.notes, *said], columns, schema.counted(), unusual,
        fdr, gaps, imputer.errors_.get("blend"), groups, relations, drawn, type(model).__name__,
    )  # fmt: skip


def _rarity(model: Any, table: Table) -> NDArray[np.float64]:
    """p-values of rows that a model may have learned from."""
    if isinstance(model, AnomalyDetector) or getattr(model, "calibration_", None) is not None:
        return np.asarray(model.p_values(table))
    energy = torch.from_numpy(model.energy(table).astype(np.float64))
    energy = energy - energy.min()
    return np.exp(-Surprisal(model.energy_, energy, BODY).of(energy).clamp_min(0).numpy())


def _without_gaps(imputer: Imputer, whole: Table) -> NDArray[np.floating]:
    rows = imputer.rows_of(whole)
    # a cell may be filled with what is no word of training: none of a column that says nothing
    return np.asarray(np.nan_to_num(rows))


def _told(imputer: Imputer) -> dict[str, float]:
    """Of each column, the share of its spread that the others tell."""
    schema = imputer.table_
    assert schema is not None
    constant = {at for at, _ in imputer.constants_ or ()}
    told = {}
    for (column, at), error, count in zip(
        schema.spans, imputer.column_errors_, imputer.column_cells_, strict=True
    ):
        if error is None or at.start in constant or isinstance(column, Constant):
            continue
        # of so few cells less could be chance
        found = 1 - error
        told[column.name] = found if found > 2 * np.sqrt(2 / count) else 0.0
    return told
