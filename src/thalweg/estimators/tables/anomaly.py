"""How unusual is this row: the default, which needs no choice."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import Choice, Either, Energy, Integer, Real, learned, parameter, visible_energy
from thalweg.energies import (
    FarCell,
    Largest,
    Manhattan,
    NeighborDistance,
    Squashed,
    Sum,
    Surprisal,
)
from thalweg.energies.combined import squashed
from thalweg.energies.surprisal import rounded
from thalweg.estimators.base.loading import held
from thalweg.estimators.tables.outliers import PredictsMixin
from thalweg.estimators.tables.reservoir import KeepsRows

MAY_BE = 0.1
"""The share of anomalies among training rows that ``contamination="auto"`` is made for"""

FEWEST = 5
"""Neighbours, at least: of rows of which none is an anomaly, few say most"""

MOST_TRIMMED = 0.4
"""Of the training rows, what explains no others, at most"""


STARTS = 32
"""Rows whose values completions may start from, beside those of neighbours"""


class AnomalyDetector(PredictsMixin, KeepsRows):
    r"""How unusual each row is: minus the log of the share of rows that are as unusual.

    .. math::
        F(y) = -\log S\Bigl(\max\bigl(\tfrac12 \textstyle\sum_{i=1}^2 -\log S_i(F_i(y)),\; F_3(y)
        \bigr)\Bigr)

    F_1 is the mean distance (a sum of absolute differences) to the nearest share of the training
    rows, F_2 the same where the far ends of all columns are drawn in by a logarithm, so that one
    column cannot outweigh the rest; S_i is how often training rows have so much. F_3 is the
    surprisal of the furthest cell in its column (but with ``contamination=0``), which finds a slip
    of the pen in a wide row. The rows that are most unusual, twice as many as may be anomalies,
    explain no others. F = 3 is one row in twenty, F = 7 one in a thousand.

    A row that was learned from is not its own neighbour: it has the energy that it would have if it
    were new.

    Parameters
    ----------
    contamination : float or "auto", default "auto"
        The share of the training rows that may be anomalies, at most 0.5: the share that is near
        enough to explain a row, and how many of the training rows ``predict`` calls unusual. 0:
        none is; then 5 neighbours explain a row, and p-values are exact. By auto a tenth.

    Raises
    ------
    InputError
        If a parameter or an entry is bad.

    References
    ----------
    Angiulli and Pizzuti, "Fast outlier detection in high dimensional spaces", PKDD 2002; Han, Hu,
    Huang, Jiang, Zhao, "ADBench: anomaly detection benchmark", NeurIPS 2022, for the protocol by
    which it was chosen.

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import AnomalyDetector
    >>> rows = np.random.default_rng(0).normal(size=(300, 2))
    >>> model = AnomalyDetector(contamination=0).fit(rows)
    >>> model.predict([[0.0, 0.0], [6.0, -6.0]])
    array([ 1, -1])
    """

    contamination: float | str = parameter(
        "The share of the training rows that may be anomalies; 0 if none is, by auto a tenth.",
        Either(Choice(("auto",)), Real(0, high=0.5)),
        default="auto",
        kw_only=False,
    )

    energy_: Surprisal = learned()
    k_: int = learned("Neighbours.", saved=True, constraint=Integer(1))
    offset_: float = learned(
        "Minus ``threshold_``: what ``decision_function`` takes off the scores.",
        saved=True,
        constraint=Real(-math.inf),
    )

    @property
    def _share(self) -> float:
        return MAY_BE if isinstance(self.contamination, str) else float(self.contamination)

    def _keep(self, rows: Tensor) -> None:
        share, self.n_rows_ = self._share, len(rows)
        energy = self._of(rows, None)
        values = _values(energy, rows)
        if self._trimmed:
            # once more, by rows that are not themselves the most unusual
            counts = torch.ones_like(values, dtype=torch.bool)
            # counted, and not cut at a quantile, which may be a value itself
            trimmed = int(self._trimmed * len(values))
            order = rounded(values.double()).argsort(stable=True)
            counts[order[len(values) - trimmed :]] = False
            energy = self._of(rows, counts)
            values = _values(energy, rows)
        self.energy_ = energy
        found = values.cpu().numpy()
        self.offset_ = -float(np.quantile(found, 1 - share))
        # with none among them, the rows are what others are held against
        self.calibration_ = None if share else np.sort(found.astype(np.float64))

    @property
    def _trimmed(self) -> float:
        return min(2 * self._share, MOST_TRIMMED)

    @property
    def _body(self) -> float:
        """The share of the energies that are taken at their word."""
        # by auto most tables have far fewer than there may be
        return 1 - (MAY_BE / 2 if isinstance(self.contamination, str) else self._share)

    def _of(self, rows: Tensor, counts: Tensor | None) -> Surprisal:
        """The energy of rows, of which those that count explain others."""
        most = len(rows) if counts is None else int(counts.sum())
        self.k_ = min(max(FEWEST, round(self._share * len(rows))), max(1, most - 1))
        return _energy_of(rows, self.k_, counts, self._cells(), self._body)

    def _cells(self) -> list[int]:
        """Which entries of a row may be far off by themselves: numbers.

        None where all rows are clean: few neighbours see it, and no crowd hides it.
        """
        if not self._share:
            return []
        schema = self._space.schema
        return list(range(self._width)) if schema is None else list(schema.layout.numbers)

    def _kept_rows(self) -> Tensor:
        first = _first(self.energy_)
        return torch.where(first.shown, first.rows, torch.nan)

    def _fillings(self) -> Tensor | None:
        # the two ways of the energy have valleys of their own, and what is near in neither may be
        # lower in both
        first = _first(self.energy_)
        whole = first.rows[first.shown.all(dim=1)]
        return whole[:: max(1, len(whole) // STARTS)][:STARTS]

    def _blank(self, state: dict[str, Tensor]) -> Surprisal:
        name = "energy.energies.0.energies.0.energy."
        rows = held(state, f"{name}rows", self.n_rows_, self._width)
        counts = None
        if self._trimmed:
            counts = held(state, f"{name}counts", self.n_rows_).bool()
        k = min(self.k_, self.n_rows_ if counts is None else int(counts.sum()))
        blank = torch.zeros_like(rows)
        return _energy_of(blank, k, counts, self._cells(), self._body, torch.ones(2))

    def p_values(self, X: Any) -> NDArray[np.float64]:
        """How often a usual row is at least so unusual: (n,).

        After ``calibrate``, and with ``contamination=0``, by rows that are known to be usual, as
        every model's. Else exp(-F): the share of the training rows, and beyond the part of them
        that is surely usual what a log-normal tail makes of it. So few rows that stand far out are
        found among those that were learned from, too; it is right as far as that tail is.
        """
        if self.calibration_ is not None:
            return super().p_values(X)
        return np.exp(-np.maximum(self.energy(X).astype(np.float64), 0))

    @property
    def threshold_(self) -> float:
        """The energy beyond which a row is unusual."""
        return -self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """1 for a usual row, -1 for an unusual one: (n,).

        Unusual are so many of the training rows as ``contamination`` says, and what is more
        unusual; with 0, what is more unusual than all of them. ``select`` has a threshold with a
        meaning.
        """
        return super().predict(X)


def _energy_of(
    rows: Tensor,
    k: int,
    counts: Tensor | None,
    numbers: list[int],
    body: float,
    values: Tensor | None = None,
) -> Surprisal:
    """The energy by k neighbours, held against rows, or against ``values``."""

    def rare(energy: Energy, in_nats: bool = False) -> Surprisal:
        found = _values(energy, rows) if values is None else values
        return Surprisal(energy, found, body, in_nats)

    plain = NeighborDistance(rows, k, Manhattan(), counts=counts, apart=True)
    # a file has each tensor once
    again = None if counts is None else counts.clone()
    drawn_in = NeighborDistance(squashed(rows), k, Manhattan(), counts=again, apart=True)
    both = Sum([rare(plain), rare(Squashed(drawn_in))], [0.5, 0.5])
    return rare(Largest([both, FarCell(rows, numbers, body)]), in_nats=True)


def _values(energy: Energy, rows: Tensor) -> Tensor:
    """Energies (m,) of rows, NaN where hidden."""
    with torch.no_grad():
        values: Tensor = visible_energy(energy, rows)(rows)
    return values


def _first(energy: Surprisal) -> NeighborDistance:
    """The neighbours by the plain columns."""
    largest = energy.energy
    assert isinstance(largest, Largest)
    both = largest.energies[0]
    assert isinstance(both, Sum)
    rare = both.energies[0]
    assert isinstance(rare, Surprisal)
    assert isinstance(rare.energy, NeighborDistance)
    return rare.energy
