"""What estimators that learn on, from rows that come in parts, have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import _is_fitted

from thalweg.core import Declared, InputError, Real, learned
from thalweg.data import Rows, Summary


class LearnsOn(Declared):
    """For estimators with ``partial_fit``.

    The first call starts as ``fit`` would on its rows; later ones go on from what was learned, be
    it by ``fit``, by ``partial_fit`` or in a process before (``thalweg.load``).
    """

    n_samples_seen_: float | None = learned(
        "Rows that were learned from, or the sum of their weights.",
        saved=True,
        constraint=Real(0, none=True),
    )

    @abstractmethod
    def partial_fit(self, X: Any, y: None = None) -> Self:
        """Learn on from the rows of X (n, n_features)."""

    def _is_new(self: Any) -> bool:
        return not _is_fitted(self, "energy_")

    def _more(self: Any, X: Any) -> tuple[Rows, Summary]:
        """Rows to learn on from, and their moments; held to what the rows before were."""
        self.check_parameters()
        rows = self._space.read(self, X)
        summary = rows.summary(columns=self._columns())
        return rows, summary

    def _kept(self, name: str, why: str = "its file is of a version that kept less") -> Any:
        """What learning on needs of the rows before."""
        value = getattr(self, name)
        if value is None:
            raise InputError(
                f"{type(self).__name__}: partial_fit cannot go on from this model, for {why}; "
                f"expected one that has {name}"
            )
        return value


def seed_later(random_state: int | np.random.RandomState | None, seen: float | None) -> int:
    """A seed for learning on after so many rows: each call has one of its own, the same again."""
    first = check_random_state(random_state).randint(0, 2**31 - 1)
    return int((int(first) + int(seen or 0)) % (2**31 - 1))


def generator_later(
    random_state: int | np.random.RandomState | None, seen: float | None
) -> torch.Generator:
    """A generator of that seed."""
    return torch.Generator().manual_seed(seed_later(random_state, seen))
