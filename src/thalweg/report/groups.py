"""Whether rows fall into groups, and what is typical of each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.metrics import silhouette_score

from thalweg.data.columns import Schema
from thalweg.data.columns.filling import typed
from thalweg.data.columns.word import Word
from thalweg.estimators import KMeans
from thalweg.report.columns import short

MOST_GROUPS, MOST_ROWS = 8, 3000

CLEAR = 0.25
"""Silhouette from which on groups are said to be there (Kaufman and Rousseeuw, 1990)"""

CLEARER = 0.05
"""Than of the same columns shuffled, each by itself"""

LEAST_SHARE = 0.03
"""Of the rows, in a group"""

FAR = 4.0
"""Spreads off the middle beyond which a number is no further away"""

TYPICAL = 4
"""Columns that are named"""

APART = 0.5
"""Spreads between a group and all rows from which on a column is named"""


class Group(NamedTuple):
    """Rows that are alike."""

    size: int
    typical: list[str]


class Groups(NamedTuple):
    """Those that were found; none where nothing says that there are any."""

    silhouette: float
    groups: list[Group]


def groups_of(whole: pl.DataFrame, schema: Schema, rows: NDArray[np.floating], seed: int) -> Groups:
    """Of rows (n, entries) without gaps, in a model's units, and the table that they are of."""
    near = np.clip(rows, -FAR, FAR)
    few = np.random.default_rng(seed).permutation(len(near))[:MOST_ROWS]
    near = near[few]
    best, labels = _divided(near, seed)
    # columns that have nothing to do with one another can be cut into pieces, too
    random = np.random.default_rng(seed)
    apart = near.copy()
    for _, at in schema.spans:
        apart[:, at] = near[random.permutation(len(near)), at]
    if best < max(CLEAR, _divided(apart, seed)[0] + CLEARER):
        return Groups(best, [])
    whole = whole[few.tolist()]
    read = typed(whole, schema)
    order = np.argsort(-np.bincount(labels), kind="stable")
    return Groups(best, [_group(read, schema, labels == label) for label in order])


def _divided(rows: NDArray[np.floating], seed: int) -> tuple[float, NDArray[np.int64]]:
    """The clearest division into groups that are no handful, and its silhouette."""
    best, labels = -1.0, np.zeros(len(rows), dtype=np.int64)
    distinct = len(np.unique(rows, axis=0))
    for k in range(2, min(MOST_GROUPS, distinct - 1, len(rows) - 1) + 1):
        found = KMeans(k, random_state=seed).fit(rows).predict(rows).astype(np.int64)
        if np.bincount(found, minlength=k).min() < max(2, LEAST_SHARE * len(rows)):
            continue
        clear = float(silhouette_score(rows, found))
        if clear > best:
            best, labels = clear, found
    return best, labels


def _group(read: pl.DataFrame, schema: Schema, inside: NDArray[np.bool_]) -> Group:
    found: list[tuple[float, str]] = []
    for column, _ in schema.spans:
        values = read[column.name]
        here = values.filter(pl.Series(inside))
        if isinstance(column, Word) or not values.dtype.is_numeric():
            if not isinstance(column, Word):
                continue
            counted = here.cast(pl.String).value_counts(sort=True, name="n")
            word, share = counted[0, 0], counted[0, 1] / len(here)
            usual = float((values.cast(pl.String) == word).mean() or 0)
            spread = max(np.sqrt(usual * (1 - usual)), 0.05)
            found.append((abs(share - usual) / spread,
                          f"{column.name} {word} {share:.0%} (all: {usual:.0%})"))  # fmt: skip
            continue
        numbers, own = (each.cast(pl.Float64).drop_nulls().to_numpy() for each in (values, here))
        if not len(own):
            continue
        low, high = np.quantile(numbers, (0.16, 0.84))
        away = abs(np.median(own) - np.median(numbers)) / max((high - low) / 2, 1e-300)
        found.append((float(away), f"{column.name} {short(float(np.median(own)))} "
                                   f"(all: {short(float(np.median(numbers)))})"))  # fmt: skip
    found.sort(key=lambda each: -each[0])
    return Group(int(inside.sum()), [text for away, text in found[:TYPICAL] if away > APART])
