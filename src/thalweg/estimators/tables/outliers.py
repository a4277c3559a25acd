"""Usual or unusual, by a threshold: scikit-learn's manners for outlier detectors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from thalweg.core import InputError, Real
from thalweg.data import Rows
from thalweg.estimators.base.scikit_learn import OutlierMixin

UNUSUAL = 0.1
"""The share of usual rows whose energy is beyond the threshold"""

LOOKED_AT = 256
"""Training rows whose energies say where the threshold is"""


class PredictsMixin(OutlierMixin):
    """For estimators with ``score_samples`` and a threshold for it."""

    @property
    @abstractmethod
    def threshold_(self) -> float:
        """The energy beyond which a row is unusual."""

    def decision_function(self: Any, X: Any) -> NDArray[np.floating]:
        """``threshold_`` less the energy: below 0 is unusual: (n,)."""
        return np.asarray(self.score_samples(X) + self.threshold_)

    def predict(self: Any, X: Any) -> NDArray[np.int64]:
        """1 for a usual row, -1 for an unusual one: (n,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.estimator_type = "outlier_detector"
        return tags


class RowsOfTraining:
    """Some rows of training, until their energies were asked for, and what these said."""

    def __init__(self) -> None:
        self.parts: list[Rows] = []
        self.count = 0.0
        self.threshold: float | None = None

    def look_at(self, rows: Rows) -> None:
        """Keep some of these rows, and as many of those before as there were in proportion."""
        random = np.random.default_rng(int(self.count))
        total = self.count + len(rows)
        before = sum(map(len, self.parts))
        old = min(before, round(LOOKED_AT * self.count / total))
        kept = np.sort(random.permutation(before)[:old])
        starts = np.cumsum([0, *map(len, self.parts)])
        self.parts = [
            part.some(kept[(kept >= start) & (kept < start + len(part))] - start)
            for part, start in zip(self.parts, starts[:-1], strict=True)
        ]
        self.parts.append(rows.some(np.sort(random.permutation(len(rows))[: LOOKED_AT - old])))
        self.parts = [part for part in self.parts if len(part)]
        self.count, self.threshold = total, None


class OutliersMixin(PredictsMixin):
    """For estimators of rows that have no other ``predict``.

    Unusual is a row of more energy than nine in ten rows have that the model is held against: those
    of ``calibrate``, once that was called, else up to 256 of those that it was trained on, so that
    it is 6 to 14 rows in a hundred that are called unusual.
    """

    _seen: RowsOfTraining | None = None

    def _begin(self: Any, X: Any) -> Any:
        rows, summary = super()._begin(X)  # type: ignore[misc]
        self._seen = RowsOfTraining()
        self._seen.look_at(rows)
        return rows, summary

    def _more(self: Any, X: Any) -> Any:
        rows, summary = super()._more(X)  # type: ignore[misc]
        if self._seen is None or not self._seen.parts:
            # of a model that was loaded the rows before are not known
            self._seen = None
        else:
            self._seen.look_at(rows)
        return rows, summary

    @property
    def threshold_(self: Any) -> float:  # type: ignore[override]
        """The energy beyond which a row is unusual: nine in ten of the rows have less."""
        check_is_fitted(self)
        if getattr(self, "calibration_", None) is not None:
            return float(np.quantile(self.calibration_, 1 - UNUSUAL))
        seen = self._seen
        if seen is None:
            raise InputError(
                f"{type(self).__name__}: no threshold is known, of a file of a version without, or "
                "of a model that has learned on since it was loaded; expected calibrate(X) first"
            )
        if seen.threshold is None:
            each = [self._answers(part, self._energy_in_training) for part in seen.parts]
            energies = self._as_energies(np.concatenate(each))
            finite = np.minimum(energies.astype(np.float64), np.finfo(np.float64).max)
            seen.threshold = float(np.quantile(finite, 1 - UNUSUAL))
        return float(seen.threshold)

    @property
    def offset_(self) -> float:
        """Minus ``threshold_``: what ``decision_function`` takes off the scores."""
        return -self.threshold_

    def _energy_in_training(self: Any, y: torch.Tensor) -> torch.Tensor:
        """Energies of rows that were learned from, as those of new rows are to be held to."""
        value: torch.Tensor = self._visible(y)(y)
        return value

    def _beside(self: Any) -> dict[str, Any]:
        said: dict[str, Any] = super()._beside()  # type: ignore[misc]
        return said if self._seen is None else {**said, "threshold": self.threshold_}

    def _take_beside(self: Any, said: Mapping[str, Any]) -> None:
        super()._take_beside(said)  # type: ignore[misc]
        threshold = said.get("threshold")
        self._seen = None
        if threshold is not None:
            if not Real(-np.inf).allows(threshold):
                raise InputError(f"threshold must be a finite number, got {str(threshold)[:40]}")
            self._seen = RowsOfTraining()
            self._seen.threshold = float(threshold)
