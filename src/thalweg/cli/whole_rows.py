"""A conditional model asked about whole rows, of which some columns are what happened."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import Energy, InputError
from thalweg.data import Rows
from thalweg.data.columns import Schema
from thalweg.estimators.regression.latent_regressor import LatentRegressor
from thalweg.estimators.tables.space import RowSpace


class JointEnergy(Energy):
    """F(x, y) of rows that hold both.

    Parameters
    ----------
    energy : Energy
        F(x, y).
    targets : sequence of int
        The columns that are y; the others, in their order, are x.
    width : int
        Columns of a row.
    """

    def __init__(self, energy: Energy, targets: list[int], width: int) -> None:
        super().__init__()
        self.energy = energy
        self.targets = targets
        self.given = [j for j in range(width) if j not in targets]

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        value: Tensor = self.energy(y[:, self.targets], y[:, self.given])
        return value


class JointRows:
    """The questions of a row-wise model, answered by a conditional one: NaN stands in y only."""

    about = "rows"

    def __init__(self, model: LatentRegressor, targets: list[int], space: RowSpace) -> None:
        self.model = model
        self.targets = targets
        self.n_features_in_ = int(model.n_features_in_) + len(targets)
        self.energy_ = JointEnergy(model.energy_, targets, self.n_features_in_)
        self._space = space

    @property
    def table_(self) -> Schema | None:
        """Columns of the table that it was fitted on; None of an array."""
        return self._space.schema

    def rows_of(self, X: Any) -> NDArray[np.floating]:
        """Rows as the energy takes them."""
        return self._space.read(self.model, X).values if self.table_ is not None else X

    def _parts(self, rows: NDArray[np.floating]) -> tuple[Any, Any]:
        y = rows[:, self.targets]
        return rows[:, self.energy_.given], y[:, 0] if self.model.n_targets_ == 0 else y

    def _with(self, rows: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.floating]:
        result = rows.copy()
        result[:, self.targets] = y.reshape(len(rows), -1)
        return result

    def energy(self, X: Any) -> NDArray[np.floating]:
        """F(x, y) of each row."""
        return self.model.energy(*self._parts(self.rows_of(X)))

    def transform(self, X: Any) -> NDArray[np.floating]:
        """The z that explains each row."""
        return self.model.infer(*self._parts(self.rows_of(X)))

    def complete(self, X: Any, answer: str = "lowest") -> Any:
        """A copy with every NaN of y filled."""
        if answer != "lowest":
            raise InputError(
                f"complete: answer={answer!r} is for models of rows; a conditional model gives the "
                "values of least energy (answer='lowest')"
            )
        rows = self.rows_of(X)
        found = self._with(rows, self.model.complete(*self._parts(rows)))
        return (
            found if self.table_ is None else self._space.filled(self.model, X, Rows(rows), found)
        )

    def project(self, X: Any) -> Any:
        """The row with the closest y that may follow from its x."""
        rows = self.rows_of(X)
        found = self._with(rows, self.model.project(*self._parts(rows)))
        return found if self.table_ is None else self._space.replaced(X, found)

    def sample(self, n: int, random_state: int | None = None) -> Any:
        """Not to be had: a conditional model draws y for an x that is given."""
        raise InputError(
            "sample: LatentRegressor draws y for given x, not whole rows; expected the verb "
            "complete, with the columns to predict left empty"
        )

    def get_feature_names_out(self) -> NDArray[Any]:
        """Names of the entries of z."""
        return self.model.get_feature_names_out()
