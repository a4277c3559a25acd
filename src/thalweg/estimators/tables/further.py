"""Learning on, for models trained by gradient steps: one epoch a call."""

from __future__ import annotations

import copy
from abc import abstractmethod
from dataclasses import replace
from typing import Any, Self

import torch

from thalweg.core import Energy
from thalweg.data import Rows, Summary, steps_of
from thalweg.energies import Rescaled
from thalweg.estimators.base.training import GradientModel
from thalweg.estimators.tables.learning_on import LearnsOn, seed_later
from thalweg.estimators.tables.model import TableModel
from thalweg.objectives import Objective
from thalweg.training import Recipe
from thalweg.training.learn import averaging
from thalweg.training.start import Start, Units, seeds

LOOKED_AT = 4096
"""Rows that an objective looks at before it learns on."""


class FurtherSteps(LearnsOn, TableModel, GradientModel):
    """For models of rows whose ``fit`` is gradient steps."""

    @abstractmethod
    def _units(self, rows: Rows, summary: Summary) -> Units | None:
        """Units that the energy has rows in; None for those that they come in."""

    def partial_fit(self, X: Any, y: None = None) -> Self:
        """Learn on: one epoch over the rows of X, in batches of ``batch_size``.

        The first call starts as ``fit`` does: the units are those of its columns, and later rows
        are seen in the same. ``n_steps`` does not count; the learning rate rises and falls within
        each call, and the optimizer and what the objective keeps (chains, say) begin anew, so that
        few calls of many rows are better than many of few.
        """
        hardware = self._hardware()
        if self._is_new():
            rows, summary = self._begin(X)
            units, dtype, seen = self._units(rows, summary), rows.torch_dtype, 0.0
            seed = self.random_state
        else:
            rows, _ = self._more(X)
            units, dtype = self._units_before(rows), self._like().dtype
            seen = self.n_samples_seen_ or 0.0
            seed = seed_later(self.random_state, seen)
        units = units and units.to(hardware.device)
        start = Start(rows, units, hardware, seeds(seed, hardware))
        if self._is_new():
            energy = self._initial(start).to(start.device)
            objective = self._begun(start, energy)
        else:
            energy = self._resumed(start).to(start.device)
            objective = self._begun_again(start, energy)
        self.history_ = self._descend(start, energy, objective, self._epoch(start, rows))
        self._finish(start, energy, objective)
        self.energy_ = self._in_units(energy, start.units).to(dtype).eval()
        self.n_samples_seen_ = seen + len(rows)
        return self

    def _epoch(self, start: Start, rows: Rows) -> Recipe:
        recipe, steps = self._recipe(start), steps_of(rows, self._rows_a_step(start))
        average = None if recipe.average is None else averaging(steps)
        precision = start.hardware.precision
        return replace(recipe, n_steps=steps, average=average, precision=precision)

    def _units_before(self, rows: Rows) -> Units | None:
        """The units of the rows that were learned from first."""
        energy = self.energy_
        if not isinstance(energy, Rescaled):
            return None
        return Units(energy.shift.double(), energy.scale.double())

    def _resumed(self, start: Start) -> Energy:
        """A copy of the energy as it was trained: of standardized rows, in single precision."""
        energy = copy.deepcopy(self.energy_)
        return (energy.energy if isinstance(energy, Rescaled) else energy).float()

    def _begun_again(self, start: Start, energy: Energy) -> Objective:
        """The objective, having looked at the rows of this call."""
        order = torch.randperm(len(start.source), generator=start.seeds.model)
        start.looked_at = order[:LOOKED_AT].numpy()
        return self._begun(start, energy)
