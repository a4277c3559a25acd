"""Distances to neighbours as an energy."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from thalweg.core import (
    Choice,
    Either,
    InputError,
    Integer,
    Nothing,
    Real,
    learned,
    parameter,
    real_array,
)
from thalweg.energies import Euclidean, Manhattan, NeighborDistance
from thalweg.estimators.base.loading import held
from thalweg.estimators.tables.model import CodesMixin
from thalweg.estimators.tables.reservoir import RowsExplain

METRICS = {"manhattan": Manhattan, "euclidean": Euclidean}
"""Distances by their names."""


class Neighbors(CodesMixin, RowsExplain):
    r"""How far the nearest rows are: nothing is trained, and no shape is assumed.

    .. math::
        F(y) = \frac{1}{k} \min_{|S| = k} \sum_{z \in S} \|y - y_z\|_1

    z is which training row explains y, and k a share of them: where anomalies are among the rows
    that are learned from, a few of a kind must not explain one another. Hidden (NaN) entries of
    rows, in training too, count as the visible ones do in the mean. Columns are scaled, of arrays
    too; energies are in those units. ``complete`` fills them in from the nearest rows;
    ``answer="mean"`` with their mean. There is no ``sample``, for a distance
    is no density (:class:`KernelDensity` is one); ``complete(X, draws=m)`` takes what one of the
    nearest rows has.

    Raises
    ------
    InputError
        If a parameter or an entry is bad.

    References
    ----------
    Ramaswamy, Rastogi, Shim, "Efficient algorithms for mining outliers from large data sets",
    SIGMOD 2000; Angiulli and Pizzuti, "Fast outlier detection in high dimensional spaces",
    PKDD 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import Neighbors
    >>> model = Neighbors(n_neighbors=2, scale="none").fit([[0.0], [1.0], [5.0]])
    >>> model.energy([[3.0]])
    array([2.])
    """

    share: float = parameter(
        "Of the training rows, how many are neighbours, at least one.",
        Real(0, above=True, high=1),
        default=0.1,
        kw_only=False,
    )
    n_neighbors: int | None = parameter(
        "How many are, in place of a share.", Either(Integer(1), Nothing()), default=None
    )
    metric: str = parameter(
        "How far two rows are: the sum of the differences of their columns, or the root of the sum "
        "of squares, in which one far column may outweigh all others.",
        Choice(("manhattan", "euclidean")),
        default="manhattan",
    )

    energy_: NeighborDistance = learned()
    k_: int = learned("Neighbours.", saved=True, constraint=Integer(1))

    def _keep(self, rows: Tensor) -> None:
        self.n_rows_ = len(rows)
        wanted = self.n_neighbors or max(1, round(self.share * len(rows)))
        self.k_ = min(wanted, len(rows))
        self.energy_ = NeighborDistance(rows, self.k_, METRICS[self.metric]())

    def transform(self, X: Any) -> NDArray[np.floating]:
        """Codes z*: the numbers of the training rows that are nearest, the nearest first: (n, k).

        Counted from 0 in the order in which they were learned from.
        """
        # not by the base class: scikit-learn would make a frame of its answer first
        found = self._ask(self._read(X), self._nearest)
        if self.kept_ is None:
            return found
        return self.kept_[found.astype(np.int64)].astype(found.dtype)

    def _nearest(self, y: Tensor) -> Tensor:
        found = self._visible(y).codes(y)
        assert found is not None
        return found

    def inverse_transform(self, Z: Any) -> Any:
        """What the training rows of those numbers (n, k) have in the mean."""
        check_is_fitted(self)
        numbers = np.arange(self.n_rows_) if self.kept_ is None else self.kept_
        given = real_array("Z", Z)
        order = np.argsort(numbers, kind="stable")
        place = order[np.searchsorted(numbers[order], given).clip(max=len(numbers) - 1)]
        if not np.array_equal(numbers[place], given):
            raise InputError("inverse_transform: Z must have numbers of rows that are kept (kept_)")
        return super().inverse_transform(place.astype(np.float64))

    @property
    def _n_features_out(self) -> int:
        return self.k_

    def _blank(self, state: dict[str, Tensor]) -> NeighborDistance:
        rows = held(state, "rows", self.n_rows_, self._width)
        k = min(self.k_, self.n_rows_)
        return NeighborDistance(torch.zeros_like(rows), k, METRICS[self.metric]())
