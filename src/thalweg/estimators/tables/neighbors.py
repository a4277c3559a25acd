"""Distances to neighbours as an energy."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import Tensor

from thalweg.core import Choice, Either, Integer, Nothing, Real, changed, learned, parameter
from thalweg.energies import NeighborDistance
from thalweg.estimators.base.loading import held
from thalweg.estimators.base.settings import Seeded
from thalweg.estimators.tables.learning_on import LearnsOn, seed_later
from thalweg.estimators.tables.model import TableModel


class Neighbors(LearnsOn, Seeded, TableModel):
    r"""How far the nearest rows are: nothing is trained, and no shape is assumed.

    .. math::
        F(y) = \frac{1}{k} \min_{|S| = k} \sum_{z \in S} \|y - y_z\|

    z is which training row explains y, and k a share of them: where anomalies are among the rows
    that are learned from, a few of a kind must not explain one another. Hidden (NaN) entries of
    rows, in training too, count as the visible ones do in the mean. Columns are scaled, of arrays
    too; energies are in those units. ``complete`` fills them in from
    the nearest rows; ``answer="mean"`` with their mean.

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
    max_rows: int = parameter(
        "Of more training rows so many are kept, at random: asking takes a time that grows with "
        "them, and a share of them is as near.",
        Integer(1),
        default=4096,
    )

    scale: str = changed(
        default="auto",
        sentence="Units that are taken off inside. A distance needs columns that compare: by auto "
        "they are median and quartiles, of arrays too.",
        constraint=Choice(("auto", "robust", "standard", "none")),
    )

    energy_: NeighborDistance = learned()
    n_rows_: int = learned("Training rows that are kept.", saved=True, constraint=Integer(1))
    k_: int = learned("Neighbours.", saved=True, constraint=Integer(1))

    def fit(self, X: Any, y: None = None) -> Self:
        """Keep the rows of X (n, n_features); NaN entries are hidden."""
        rows, _ = self._begin(X)
        order = check_random_state(self.random_state).permutation(len(rows))
        chosen = np.sort(order[: self.max_rows])
        self._keep(torch.from_numpy(rows.take(chosen)).to(self._device))
        self.n_samples_seen_ = float(len(rows))
        return self

    def partial_fit(self, X: Any, y: None = None) -> Self:
        """Keep rows of X (n, n_features) too; of more than ``max_rows`` each is as likely kept."""
        if self._is_new():
            return self.fit(X)
        rows, summary = self._more(X)
        if summary.silent:
            rows = rows.speaking()
        if not len(rows):
            return self
        before, like = self._kept("n_samples_seen_"), self._like()
        random = np.random.default_rng(seed_later(self.random_state, before))
        after = before + len(rows)
        size = int(min(self.max_rows, after))
        # of all rows seen so many are kept: how many of the new ones, and which
        new = len(rows)
        if size < after:
            # numpy draws of less than a billion rows without putting them back
            few = after < 1e9
            new = (random.hypergeometric(len(rows), int(before), size) if few
                   else random.binomial(size, len(rows) / after))  # fmt: skip
        new = min(max(size - self.n_rows_, int(new)), len(rows))
        energy = self.energy_
        old = torch.where(energy.shown, energy.rows, torch.nan)[
            np.sort(random.permutation(self.n_rows_)[: size - new])
        ]
        drawn = rows.take(np.sort(random.permutation(len(rows))[:new]))
        self._keep(torch.cat([old, torch.from_numpy(drawn).to(like)]))
        self.n_samples_seen_ = after
        return self

    def _is_scaled(self) -> bool:
        return self.scale != "none"

    def _keep(self, rows: Tensor) -> None:
        self.n_rows_ = len(rows)
        wanted = self.n_neighbors or max(1, round(self.share * len(rows)))
        self.k_ = min(wanted, len(rows))
        self.energy_ = NeighborDistance(rows, self.k_)

    def _blank(self, state: dict[str, Tensor]) -> NeighborDistance:
        rows = held(state, "rows", self.n_rows_, self._width)
        return NeighborDistance(torch.zeros_like(rows), min(self.k_, self.n_rows_))
