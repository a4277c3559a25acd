"""How models of rows with a network are trained: what is left is energy, objective, parameters."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from thalweg.core import Energy, changed
from thalweg.data import Rows, Summary
from thalweg.estimators.base.loading import units_of
from thalweg.estimators.tables.further import LOOKED_AT, FurtherSteps
from thalweg.estimators.tables.model import StartsMixin
from thalweg.estimators.tables.outliers import OutliersMixin
from thalweg.objectives import Objective
from thalweg.objectives.imputed import Deck, Imputed
from thalweg.training import Run
from thalweg.training.start import Start, Units, column_units

KEPT = 256
"""Training rows that are kept."""


class GradientTableModel(OutliersMixin, FurtherSteps):
    """A model of rows trained by gradient steps.

    A subclass declares its parameters and writes ``_energy`` and ``_objective``; where it is asked
    more, the mixins for the questions that it answers.
    """

    scale: str = changed(
        default="auto",
        sentence="Units that are taken off inside: by auto and standard, columns are standardized; "
        "robust takes median and quartiles; with none they stay as they are. Tables (words, dates, "
        "or read from a file) are scaled robustly by auto.",
    )
    _imputes: ClassVar[bool] = False
    """Whether its objectives want whole rows, so that hidden entries are drawn in training."""

    @abstractmethod
    def _energy(self, d: int, generator: torch.Generator) -> Energy:
        """The energy of standardized rows of d columns, its weights drawn from the generator."""

    @abstractmethod
    def _objective(self, sample: Tensor) -> Objective:
        """What training brings down; ``sample`` is standardized rows (n, d) to look at."""

    def fit(self, X: Any, y: None = None, *, run: Run | None = None) -> Self:
        """Train on the rows of X (n, n_features); NaN is hidden, of energies that may have it.

        ``run`` says where checkpoints and logs go (:class:`thalweg.training.Run`).
        """
        rows, summary = self._begin(X)
        start = self._start(rows, self._units(rows, summary))
        energy = self._train(start, run)
        self.energy_ = self._in_units(energy, start.units).to(rows.torch_dtype).eval()
        self.n_samples_seen_ = float(len(rows))
        return self

    def _is_scaled(self) -> bool:
        return self.scale == "robust" or self._space.schema is not None

    def _has_own_units(self) -> bool:
        """Whether the energy standardizes columns; not those whose units were taken off before."""
        return self._space.scaling is None and self.scale != "none"

    def _units(self, rows: Rows, summary: Summary) -> Units | None:
        """Units that the energy has rows in; None for those that they come in."""
        return column_units(summary) if self._has_own_units() else None

    def _initial(self, start: Start) -> Energy:
        energy = self._energy(start.source.n_columns, start.seeds.model)
        self._keep(start)
        return energy

    def _keep(self, start: Start) -> None:
        """Choose the rows that the objective looks at: random ones, the same for every seed."""
        order = torch.randperm(len(start.source), generator=torch.Generator().manual_seed(0))
        start.looked_at = order[:LOOKED_AT].numpy()

    def _begun(self, start: Start, energy: Energy) -> Objective:
        sample = start.batch(start.looked_at).y
        hiding = start.source.hiding() if self._imputes else ()
        if len(hiding):
            deck = Deck(sample, start.seeds.noise)
            sample = deck.filled(sample)
            objective: Objective = Imputed(
                self._objective(sample), torch.from_numpy(hiding), deck, self._given()
            )
        else:
            objective = self._objective(sample)
        objective = objective.to(start.device)
        objective.begin(energy, sample, start.seeds.noise)
        return objective

    def _given(self) -> Tensor | None:
        """What is given, (1, ...), to an energy that needs it, where hidden entries are drawn."""
        return None

    def _blank(self, state: dict[str, Tensor]) -> Energy:
        energy = self._energy(self._width, torch.Generator())
        if not self._has_own_units():
            kind = next(each.dtype for each in state.values() if each.is_floating_point())
            return self._in_units(energy, None).to(kind)
        units = units_of(state, self._width)
        return self._in_units(energy, units).to(units.shift.dtype)


class StartingRowsModel(StartsMixin, GradientTableModel):
    """One that keeps training rows, for chains and completions to start from."""

    def _keep(self, start: Start) -> None:
        order = torch.randperm(len(start.source), generator=start.seeds.model)
        self._keep_rows(start, order[:KEPT])
        super()._keep(start)

    def _keep_rows(self, start: Start, chosen: Tensor) -> None:
        rows = start.source.take(chosen.numpy())
        hidden = np.isnan(rows)
        if hidden.any() and self._imputes:
            kept = torch.from_numpy(rows)
            rows = Deck(kept, start.seeds.model).filled(kept).numpy()
        elif hidden.any():
            units = start.units
            mean = start.source.summary().mean if units is None else units.shift.cpu().numpy()
            rows = np.where(hidden, mean, rows).astype(rows.dtype)
        self.starts_ = rows
