"""How every estimator with a network is trained: one template, the steps of which have names."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any, Self

import numpy as np
from torch import Tensor

from thalweg.core import Building, Choice, Energy, learned, parameter
from thalweg.data import Shuffled, Source
from thalweg.energies import Rescaled
from thalweg.estimators.base.model import FittedModel
from thalweg.estimators.base.scikit_learn import BaseEstimator
from thalweg.estimators.base.settings import GradientSteps, Seeded
from thalweg.objectives import Objective
from thalweg.training import Hardware, History, Recipe, Run, learn
from thalweg.training.hardware import PRECISIONS
from thalweg.training.start import Start, Units, seeds


class TrainedModel(Seeded, FittedModel):
    """An estimator trained by gradient steps on an objective.

    ``fit`` reads rows, says with ``_start`` what training starts from, and calls ``_train``, whose
    steps subclasses fill in.
    """

    history_: History = learned("Loss and monitors of every step. Not saved.")

    def _hardware(self) -> Hardware:
        return Hardware(str(self._device))

    def _start(
        self, source: Source, units: Units | None, hardware: Hardware | None = None
    ) -> Start:
        """Rows, in units of the columns or (None) as they come."""
        hardware = self._hardware() if hardware is None else hardware
        generators = seeds(self.random_state, hardware)
        return Start(source, units and units.to(hardware.device), hardware, generators)

    def _train(self, start: Start, run: Run | None) -> Energy:
        """The trained energy, in the units of the batches."""
        with Building(f"{self.sizes()} and {start.source.n_columns} columns"):
            energy = self._initial(start)
        energy = energy.to(start.device)
        objective = self._begun(start, energy)
        recipe = replace(self._recipe(start), precision=start.hardware.precision)
        if run is not None and run.checkpoint is not None:
            # not without need: a fingerprint reads all of the data
            recipe = replace(recipe, facts=run_facts(self, start.source))
        self.history_ = self._descend(start, energy, objective, recipe, run)
        self._finish(start, energy, objective)
        return energy

    def _fitted(self, source: Source, units: Units, run: Run | None) -> Rescaled:
        """The energy, trained on rows in units of their own, asked in those that they came in."""
        start = self._start(source, units)
        return units.to(start.device).around(self._train(start, run))

    def _in_units(self, energy: Energy, units: Units | None) -> Energy:
        """The energy that steps train, asked in the units that rows came in."""
        return energy if units is None else units.around(energy)

    @abstractmethod
    def _initial(self, start: Start) -> Energy:
        """The energy before training, its weights drawn from ``start.seeds.model``."""

    @abstractmethod
    def _begun(self, start: Start, energy: Energy) -> Objective:
        """The objective, where it needs to having looked at rows, on the device."""

    @abstractmethod
    def _recipe(self, start: Start) -> Recipe:
        """The numbers of training."""

    @abstractmethod
    def _rows_a_step(self, start: Start) -> int:
        """Of all processes together."""

    def _finish(self, start: Start, energy: Any, objective: Any) -> None:
        """What is to be found out or kept once the energy is trained."""

    def _descend(
        self,
        start: Start,
        energy: Energy,
        objective: Objective,
        recipe: Recipe,
        run: Run | None = None,
    ) -> History:
        hardware = start.hardware
        order = Shuffled(
            len(start.source), self._rows_a_step(start), recipe.n_steps, start.seeds.order,
            hardware.rank, hardware.size,
        )  # fmt: skip
        return learn(
            energy, objective, start.batch, order, recipe, start.seeds.noise,
            title=type(self).__name__, hardware=hardware, run=run,
            asked=self._in_units(energy, start.units and start.units.single()),
            verbose=self.verbose > 0,
        )  # fmt: skip

    def _restore(self, state: dict[str, Tensor]) -> Self:
        super()._restore(state).energy_.eval()
        return self


class GradientModel(GradientSteps, TrainedModel):
    """One that has so many steps, of so many rows, at such a rate."""

    def _recipe(self, start: Start) -> Recipe:
        return Recipe(self.n_steps, self.learning_rate)

    def _rows_a_step(self, start: Start) -> int:
        return self.batch_size


class MixedPrecision(TrainedModel):
    """An estimator whose large products may be taken in half precision."""

    precision: str = parameter(
        "Type of the large products; bf16 is about twice as fast on processors that have it.",
        Choice(PRECISIONS),
        default="no",
    )

    def _hardware(self) -> Hardware:
        return Hardware(str(self._device), self.precision)


def run_facts(model: BaseEstimator, rows: Source) -> dict[str, Any]:
    """What has to be equal for a checkpoint to be of this run: the estimator, settings, data."""
    shown = {
        # a RandomState moves on and has no name of its own
        name: type(value).__name__ if isinstance(value, np.random.RandomState) else repr(value)
        for name, value in model.get_params(deep=False).items()
        if name not in ("device", "verbose")
    }
    return {"estimator": type(model).__name__, **shown, "data": rows.fingerprint()}
