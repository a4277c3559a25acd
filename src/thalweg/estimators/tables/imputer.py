"""What is missing here: the default, which chooses its energy by itself."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from torch import Tensor

from thalweg.core import Choice, InputError, Integer, changed, learned, parameter, progress
from thalweg.core.plain import to_json
from thalweg.energies import Blend
from thalweg.estimators.base.header import parameters_of
from thalweg.estimators.base.loading import held
from thalweg.estimators.base.scikit_learn import OneToOneFeatureMixin, TransformerMixin
from thalweg.estimators.base.settings import Seeded
from thalweg.estimators.tables.choosing import (
    FEW,
    NEAREST,
    best_mixture,
    in_the_end,
    spread_of,
    tried_by,
)
from thalweg.estimators.tables.masked import MaskedAutoencoder
from thalweg.estimators.tables.mixture import GaussianMixture
from thalweg.estimators.tables.model import TableModel
from thalweg.estimators.tables.neighbors import Neighbors
from thalweg.estimators.tables.outliers import OutliersMixin
from thalweg.estimators.tables.pca import PCA
from thalweg.estimators.tables.recovery import Trial
from thalweg.estimators.tables.space import Prepared

STAGES = 4
"""Of a bar: mixtures tried, a network tried, neighbours tried, all learned from all rows"""

MEMBERS = {
    "GaussianMixture": GaussianMixture,
    "PCA": PCA,
    "MaskedAutoencoder": MaskedAutoencoder,
    "Neighbors": Neighbors,
}

FACTS = ("n_rows_", "k_")
"""What else a file says of members"""


class _Chosen(NamedTuple):
    """Models to learn from all rows, and how much each is trusted with each entry."""

    models: list[Any]
    shares: NDArray[np.float64]
    errors: dict[str, float]
    by_column: list[float | None]
    spread: float
    cells: list[int]
    """how many were hidden of each column"""


class Imputer(OutliersMixin, OneToOneFeatureMixin, TransformerMixin, Seeded, TableModel):
    r"""Fills gaps in, by the energies that bring back most of what it hides from itself.

    .. math::
        \check y_j = \sum_i w_{ij} E_i[y_j \mid y_{\text{visible}}]

    Some of the visible cells are hidden; a mixture, of the size that fills them best, a masked
    autoencoder and the nearest rows fill them in; and each column is given the weights w, of sum 1,
    that serve it best. All of them then learn from all rows. New rows are filled in without fitting
    again.

    Raises
    ------
    InputError
        If a parameter or an entry is bad.

    References
    ----------
    Stekhoven and Buehlmann, "MissForest" (2012), for the protocol of hiding; Breiman, "Stacked
    regressions" (1996), for weights that are chosen on what was held out.

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import Imputer
    >>> X = np.random.default_rng(0).normal(size=(200, 1)) * [[1.0, 2.0]]
    >>> X[0, 1] = np.nan
    >>> model = Imputer(n_steps=200, random_state=0).fit(X)
    >>> bool(abs(model.transform(X)[0, 1] - 2 * X[0, 0]) < 0.3)
    True
    """

    n_steps: int = parameter(
        "Gradient steps of the masked autoencoder; 0 leaves it out.", Integer(0), default=4000
    )
    max_rows: int = parameter(
        "Rows, at most, on which energies and sizes are tried; all are learned from in the end.",
        Integer(30),
        default=2000,
    )
    scale: str = changed(
        default="auto",
        sentence="Units that are taken off inside. What is filled in compares columns: by auto "
        "they are median and quartiles, of arrays too.",
        constraint=Choice(("auto", "robust", "standard", "none")),
    )

    _words_in_units = False

    energy_: Blend = learned()
    members_: list[Any] = learned("The fitted estimators that it is made of.")
    errors_: dict[str, float] = learned(
        "Of each member and of their blend the mean squared error of a cell that was hidden, by "
        "which they were chosen; the mean of its column costs 1."
    )
    column_errors_: list[float | None] = learned(
        "The same of the blend, of each column; None of one that no cell was hidden of."
    )
    column_cells_: list[int] = learned("How many cells of each column were hidden to find out.")

    def fit(self, X: Any, y: None = None) -> Self:
        """Choose by cells of X (n, n_features) that are hidden once more, and learn from X."""
        rows, _ = self._begin(X)
        prepared = Prepared(self._space, rows, int(self.n_features_in_))
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with progress("Imputer", STAGES, self.verbose > 0) as bar:
            chosen = self._tried(prepared, seed, bar)
            bar(STAGES - 1, "learning from all rows")
            with warnings.catch_warnings():
                # that a mixture would go on is no failure: sizes were chosen as they end
                warnings.simplefilter("ignore", ConvergenceWarning)
                self.members_ = [model.fit(prepared) for model in chosen.models]
            bar(STAGES, "")
        self.errors_, self.column_errors_ = chosen.errors, chosen.by_column
        self.column_cells_ = chosen.cells
        shares = torch.from_numpy(chosen.shares).to(self.members_[0]._like())
        spread = torch.tensor(chosen.spread).to(shares)
        self.energy_ = Blend([each.energy_ for each in self.members_], shares, spread)
        return self

    def transform(self, X: Any) -> Any:
        """Whole rows, in the container of X: every gap at its mean, words at the likeliest."""
        return self.complete(X, answer="mean")

    def _is_scaled(self) -> bool:
        return self.scale != "none"

    def _tried(self, prepared: Prepared, seed: int, bar: Any) -> _Chosen:
        """The members, by how well each brings back cells that were hidden once more."""
        trial = Trial.of(prepared, self.max_rows, seed)
        mixture = best_mixture(trial, prepared, seed)
        bar(1, "mixtures")
        tried = [] if mixture is None else [mixture]
        if len(trial.whole) >= FEW and trial.asked.any() and trial.cells > 1:
            others: list[Any] = [Neighbors(n_neighbors=NEAREST, random_state=seed)]
            if self.n_steps:
                others.insert(0, MaskedAutoencoder(n_steps=self.n_steps, random_state=seed))
            for i, other in enumerate(others):
                tried.append(tried_by(trial, other))
                bar(2 + i, type(other).__name__)
        if not tried:
            # nothing of several columns can be said of so few rows
            tried.append(tried_by(trial, Neighbors(n_neighbors=NEAREST, random_state=seed)))
        shares = trial.shares([each.filled for each in tried])
        errors = {type(each.model).__name__: each.error for each in tried}
        blend = sum(share * each.filled for share, each in zip(shares, tried, strict=True))
        errors["blend"] = trial.error(blend)
        more = max(1.0, len(prepared.rows) / len(trial.whole))
        models = [in_the_end(each.model, more) for each in tried]
        wide = spread_of(trial, [each.energy for each in tried], shares, blend, seed)
        return _Chosen(models, shares, errors, trial.errors(blend), wide, trial.counts)

    def _beside(self) -> dict[str, Any]:
        members = [
            {"estimator": type(member).__name__, "parameters": _plain(member.get_params()),
             "facts": {name: getattr(member, name) for name in FACTS if hasattr(member, name)}}
            for member in self.members_
        ]  # fmt: skip
        return {
            **super()._beside(),
            "members": members,
            "errors": self.errors_,
            "column_errors": self.column_errors_,
            "column_cells": self.column_cells_,
        }

    def _take_beside(self, said: Mapping[str, Any]) -> None:
        super()._take_beside(said)
        members, errors = said.get("members"), said.get("errors")
        if not isinstance(members, list) or not members:
            raise InputError("members must be a list of estimators")
        if not isinstance(errors, dict) or not all(
            type(each) is float and each >= 0 for each in errors.values()
        ):
            raise InputError("errors must be numbers by names")
        by_column = said.get("column_errors")
        if not isinstance(by_column, list) or not all(
            each is None or (type(each) is float and each >= 0) for each in by_column
        ):
            raise InputError("column_errors must be numbers, or null")
        cells = said.get("column_cells")
        if not isinstance(cells, list) or not all(Integer(0).allows(each) for each in cells):
            raise InputError("column_cells must be whole numbers")
        self.errors_, self.column_errors_, self.column_cells_ = errors, by_column, cells
        self.members_ = [self._member(each) for each in members]

    def _member(self, said: Any) -> Any:
        """A member that a file tells of, not restored yet."""
        if not isinstance(said, dict) or set(said) != {"estimator", "parameters", "facts"}:
            raise InputError("a member must have estimator, parameters and facts")
        if said["estimator"] not in MEMBERS:
            raise InputError(f"a member must be one of {', '.join(MEMBERS)}")
        for name in ("parameters", "facts"):
            if not isinstance(said[name], dict):
                raise InputError(f"{name} of a member must be an object of JSON")
        kind: Any = MEMBERS[said["estimator"]]
        member = kind(**parameters_of(said["parameters"], kind.parameters, {}))
        member.check_parameters()
        for name, value in said["facts"].items():
            if name not in FACTS or not Integer(1).allows(value):
                raise InputError(f"facts of a member must be whole numbers {', '.join(FACTS)}")
            setattr(member, name, value)
        member.n_features_in_, member._space = self.n_features_in_, self._space
        member.constants_ = None
        return member

    def _blank(self, state: dict[str, Tensor]) -> Blend:
        shares = held(state, "shares", len(self.members_), self._width)
        energies = []
        for i, member in enumerate(self.members_):
            prefix = f"energies.{i}."
            part = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
            if not part:
                raise InputError(f"there is no tensor of member {i}")
            energies.append(member._blank(part))
        return Blend(energies, torch.zeros_like(shares))

    def _restore(self, state: dict[str, Tensor]) -> Self:
        super()._restore(state)
        for member, energy in zip(self.members_, self.energy_.each, strict=True):
            member.energy_ = energy
        return self


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: to_json(value) for name, value in parameters.items() if value is not None}
