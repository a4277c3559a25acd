"""Estimators that are made of rows of their table: which of them they keep."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from torch import Tensor

from thalweg.core import Choice, Integer, Real, changed, learned, parameter, visible_energy
from thalweg.energies import NeighborDistance, Parzen
from thalweg.estimators.base.settings import Seeded
from thalweg.estimators.tables.learning_on import LearnsOn, seed_later
from thalweg.estimators.tables.model import TableModel
from thalweg.estimators.tables.outliers import OutliersMixin


class KeepsRows(LearnsOn, Seeded, TableModel):
    """For energies that are of training rows themselves; of many, some are kept at random."""

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

    n_rows_: int = learned("Training rows that are kept.", saved=True, constraint=Integer(1))

    def _is_scaled(self) -> bool:
        return self.scale != "none"

    kept_: NDArray[np.int64] | None = learned(
        "Which rows of those that were learned from are kept, counted from 0 in their order.",
        saved=True,
        shape=("n_rows_",),
        optional=True,
    )

    n_given_: float | None = learned(
        "Rows that were given to learn from, those that show nothing too.",
        saved=True,
        constraint=Real(0, none=True),
    )

    @abstractmethod
    def _keep(self, rows: Tensor) -> None:
        """The energy of rows (m, d), NaN where hidden."""

    @abstractmethod
    def _kept_rows(self) -> Tensor:
        """The rows (m, d) that are kept, NaN where hidden."""

    def fit(self, X: Any, y: None = None) -> Self:
        """Keep the rows of X (n, n_features); NaN entries are hidden."""
        rows, _ = self._begin(X)
        order = check_random_state(self.random_state).permutation(len(rows))
        chosen = np.sort(order[: self.max_rows])
        self._keep(torch.from_numpy(rows.take(chosen)).to(self._device))
        self.kept_ = chosen if rows.kept is None else np.flatnonzero(rows.kept)[chosen]
        self.n_samples_seen_ = float(len(rows))
        self.n_given_ = float(len(rows) if rows.kept is None else len(rows.kept))
        return self

    def partial_fit(self, X: Any, y: None = None) -> Self:
        """Keep rows of X (n, n_features) too; of more than ``max_rows`` each is as likely kept."""
        if self._is_new():
            return self.fit(X)
        rows, summary = self._more(X)
        given, places = self.n_given_, np.arange(len(rows))
        self.n_given_ = None if given is None else given + len(rows)
        if summary.silent:
            rows = rows.speaking()
            assert rows.kept is not None
            places = np.flatnonzero(rows.kept)
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
        left = np.sort(random.permutation(self.n_rows_)[: size - new])
        chosen = np.sort(random.permutation(len(rows))[:new])
        old, drawn = self._kept_rows()[left], torch.from_numpy(rows.take(chosen)).to(like)
        numbers = self.kept_
        self._keep(torch.cat([old, drawn]))
        if numbers is not None and given is not None:
            self.kept_ = np.concatenate([numbers[left], int(given) + places[chosen]])
        self.n_samples_seen_ = after
        return self


class RowsExplain(OutliersMixin, KeepsRows):
    """For energies whose z is which of the kept rows explains another."""

    energy_: NeighborDistance | Parzen = learned()

    def _kept_rows(self) -> Tensor:
        return torch.where(self.energy_.shown, self.energy_.rows, torch.nan)

    def _energy_in_training(self, y: Tensor) -> Tensor:
        # a row that was learned from must not count itself
        energy = copy.copy(self.energy_)
        energy.apart = True
        value: Tensor = visible_energy(energy, y)(y)
        return value
