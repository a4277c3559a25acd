"""Which columns say something about which."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thalweg.data import Rows
from thalweg.estimators.tables.recovery import recovered

MOST_COLUMNS, MOST_ROWS = 12, 300

SAYS = 0.05
"""Of a column's spread, what another must tell to be named"""


class Relations(NamedTuple):
    """How much of a column's spread is lost when another is hidden besides."""

    names: list[str]
    loss: list[list[float]]
    """(columns, columns): of the row's column by hiding the column's"""
    sentences: list[str]


def relations_of(
    member: Any,
    rows: NDArray[np.floating],
    names: list[str],
    parts: list[slice],
    told: list[float],
    seed: int,
) -> Relations:
    """By a fitted model that fills in, of rows (n, entries) in its units.

    ``names`` are columns, ``parts`` the entries of each, those that are told best first; ``told``
    is how much of each the others tell, which is the most that can be lost.
    """
    chosen = np.random.default_rng(seed).permutation(len(rows))[:MOST_ROWS]
    rows, count = rows[np.sort(chosen)], min(len(names), MOST_COLUMNS)
    names, parts = names[:count], parts[:count]
    loss = np.zeros((count, count))
    if count < 2:
        return Relations(names, loss.tolist(), [])
    for j, target in enumerate(parts):
        there = ~np.isnan(rows[:, target]).any(axis=1)
        if not there.any():
            continue
        part = rows[there]
        # its outermost fiftieths drawn in: one far value would be all that there is to tell
        ends = np.quantile(part[:, target], (0.02, 0.98), axis=0)
        truth = np.clip(part[:, target], *ends)
        spread = max(float(np.var(truth, axis=0).sum()), 1e-300)
        without = part.copy()
        without[:, target] = np.nan
        asked = [without]
        for i, other in enumerate(parts):
            if i != j:
                fewer = without.copy()
                fewer[:, other] = np.nan
                asked.append(fewer)
        filled = recovered(member, Rows(np.concatenate(asked)))
        errors = [
            float(((np.clip(each[:, target], *ends) - truth) ** 2).sum(axis=1).mean()) / spread
            for each in np.split(filled, len(asked))
        ]
        others = [i for i in range(count) if i != j]
        loss[j, others] = np.clip(np.array(errors[1:]) - errors[0], 0, told[j])
    return Relations(names, loss.round(3).tolist(), _sentences(names, loss))


def _sentences(names: list[str], loss: NDArray[np.float64]) -> list[str]:
    said = []
    for j in np.argsort(-loss.max(axis=1), kind="stable")[:6]:
        i = int(loss[j].argmax())
        if loss[j, i] >= SAYS:
            said.append(f"{names[i]} says most about {names[j]}: without it {loss[j, i]:.0%} "
                        "more of its spread stays untold")  # fmt: skip
    return said
