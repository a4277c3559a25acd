"""How well a model brings back what is hidden: cells that are there are hidden once more."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from thalweg import questions
from thalweg.data import Rows
from thalweg.estimators.tables.space import Prepared

CELLS = 0.1
"""The share of the visible cells that is hidden once more"""

LEANS = 20.0
"""Cells of a column, whose weights lean on those of all columns as if so many more were there"""


class Trial(NamedTuple):
    """Rows of which some cells are hidden once more, and are asked for."""

    given: Prepared
    whole: NDArray[np.float64]
    """(n, d), what was there; NaN where nothing is"""
    asked: NDArray[np.bool_]
    """(n, d)"""
    parts: list[slice]
    """the entries of each column"""
    weight: NDArray[np.float64]
    """(d,), of squares, so that the mean of a column by itself costs 1 in each"""

    @classmethod
    def of(cls, prepared: Prepared, size: int, seed: int) -> Self:
        """A trial with so many of the rows, at most."""
        random = np.random.default_rng(seed)
        space, rows, width = prepared
        chosen = np.sort(random.permutation(len(rows))[:size])
        whole = rows.take(chosen).astype(np.float64)
        parts = [at for _, at in space.cells(whole.shape[1], None)]
        seen = ~np.isnan(whole)
        cells = np.stack([seen[:, at].all(axis=1) for at in parts], axis=1)
        spreads = [_spread(whole[:, at]) if cells[:, j].any() else 0.0
                   for j, at in enumerate(parts)]  # fmt: skip
        # nobody has to bring back what is one in all rows
        cells[:, np.array(spreads) == 0] = False
        hidden = cells & (random.random(cells.shape) < CELLS)
        # every row keeps a cell, and every column a few
        hidden[~(cells & ~hidden).any(axis=1)] = False
        hidden[:, (cells & ~hidden).sum(axis=0) < 2] = False
        asked = np.zeros_like(seen)
        weight = np.ones(whole.shape[1])
        for j, at in enumerate(parts):
            asked[:, at] = hidden[:, j, None]
            weight[at] = 1 / spreads[j] if spreads[j] > 0 else 0.0
        holed = Rows(np.where(asked, np.nan, whole).astype(rows.dtype))
        return cls(Prepared(space, holed, width), whole, asked, parts, weight)

    @property
    def words(self) -> NDArray[np.bool_]:
        """Which entries say what word is there: (d,)."""
        mask = np.zeros(self.whole.shape[1], dtype=bool)
        schema = self.given.space.schema
        for start, stop in schema.layout.words if schema is not None else ():
            mask[start:stop] = True
        return mask

    @property
    def cells(self) -> int:
        """Columns that vary, each of one entry or several."""
        return sum(bool(self.weight[at.start] > 0) for at in self.parts)

    def mean_error(self) -> float:
        """The error of the means of the visible cells, in place of those that are asked for."""
        holed = self.given.rows.values
        seen = ~np.isnan(holed)
        mean = np.where(seen, holed, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
        return self.error(np.broadcast_to(mean, holed.shape))

    def filled(self, model: Any) -> NDArray[np.float64]:
        """What a model that has learned from the rows puts in: (n, d)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(self.given)
            return recovered(model, self.given.rows)

    def error(self, filled: NDArray[np.float64]) -> float:
        """Mean squared error of a cell that is asked for, the mean of its column costing 1."""
        return sum(self._totals(filled)) / max(1, sum(self.counts))

    def errors(self, filled: NDArray[np.float64]) -> list[float | None]:
        """The same of each column; None of one that nothing is asked of."""
        pairs = zip(self._totals(filled), self.counts, strict=True)
        return [total / count if count else None for total, count in pairs]

    def _totals(self, filled: NDArray[np.float64]) -> list[float]:
        """The squared errors of each column's cells, all together."""
        away = np.where(self.asked, filled - np.where(self.asked, self.whole, 0), 0)
        return [float((away[:, at] ** 2 * self.weight[at]).sum()) for at in self.parts]

    @property
    def counts(self) -> list[int]:
        """How many cells of each column are asked for."""
        return [int(self.asked[:, at.start].sum()) for at in self.parts]

    def shares(self, fillings: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """How much of each filling serves each column best: (fillings, d), each of sum 1.

        Least squares over weights of at least 0; those of a column lean on those of all.
        """
        every = self._weights(self.parts, fillings, np.full(len(fillings), 1 / len(fillings)), 1.0)
        found = np.empty((len(fillings), self.whole.shape[1]))
        for at in self.parts:
            found[:, at] = self._weights([at], fillings, every, LEANS)[:, None]
        return found

    def _weights(
        self,
        parts: Sequence[slice],
        fillings: Sequence[NDArray[np.float64]],
        prior: NDArray[np.float64],
        leans: float,
    ) -> NDArray[np.float64]:
        each, right = [], []
        for at in parts:
            rows = self.asked[:, at.start]
            root = np.sqrt(self.weight[at])
            each.append(np.stack([(f[rows, at] * root).ravel() for f in fillings], axis=1))
            right.append((self.whole[rows, at] * root).ravel())
        lean = np.sqrt(leans) * np.eye(len(fillings))
        # that they sum to 1 weighs more than all cells
        one = 1e4 * np.ones((1, len(fillings)))
        left = np.concatenate([*each, lean, one])
        weights = nnls(left, np.concatenate([*right, np.sqrt(leans) * prior, [1e4]]))[0]
        total = float(weights.sum())
        # what fills with numbers beyond all others leaves nothing to weigh
        return np.asarray(weights / total) if total > 0.5 else prior


def _spread(values: NDArray[np.float64]) -> float:
    """The variance of a column's entries, its outermost fiftieths drawn in: one far value is not
    what the others are to be held against."""
    low, high = np.nanquantile(values, (0.02, 0.98), axis=0)
    if (low == high).all():
        # nearly always the same
        low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    varies = low < high
    # of equal numbers the mean is rounded, and the variance not quite 0
    near = np.clip(values, low, high)[:, varies]
    return float(np.nanvar(near, axis=0).sum()) if varies.any() else 0.0


def recovered(model: Any, rows: Rows) -> NDArray[np.float64]:
    """Rows in the model's units, hidden entries at their mean."""
    return np.asarray(model._ask(rows, lambda y: questions.expect(model.energy_, y)))
