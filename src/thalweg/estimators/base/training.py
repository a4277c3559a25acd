"""How every estimator with a network is trained: one template, the steps of which have names."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from torch import Tensor

from thalweg.core import Batch, Choice, Device, Energy, learned, parameter
from thalweg.data import Shuffled, Source, Summary
from thalweg.energies import MaskedPrediction, Rescaled
from thalweg.estimators.base.model import FittedModel
from thalweg.estimators.base.settings import GradientSteps, Seeded
from thalweg.objectives import Objective
from thalweg.training import Hardware, History, Recipe, Run, fit
from thalweg.training.hardware import PRECISIONS


class Seeds(NamedTuple):
    """Where the randomness of a fit comes from."""

    model: torch.Generator
    """of initial weights and of the rows that are kept, on the CPU; the same in every process"""
    noise: torch.Generator
    """of the steps, on the device; of its own in every process"""
    order: torch.Generator
    """of the rows; the same in every process"""


def seeds(random_state: int | np.random.RandomState | None, hardware: Hardware) -> Seeds:
    """Three generators from what scikit-learn calls ``random_state``."""
    seed = int(hardware.from_first(check_random_state(random_state).randint(0, 2**31 - 1)))
    model, order = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed + 1)
    noise = torch.Generator(hardware.device).manual_seed(seed + 2 + hardware.rank)
    return Seeds(model, noise, order)


class Units(NamedTuple):
    """Mean and scale of every column; columns are x first, of which there may be none, then y."""

    shift: Tensor
    scale: Tensor
    given: int = 0
    """how many columns are x"""

    def to(self, device: torch.device) -> Units:
        return Units(self.shift.to(device), self.scale.to(device), self.given)

    def standardized(self, rows: NDArray[Any]) -> tuple[Tensor, Tensor | None]:
        """Rows in these units, in single precision: y, and x where there is one."""
        # the mean goes off in the precision of the units: far from 0 single has little left
        whole = ((torch.from_numpy(rows).to(self.shift) - self.shift) / self.scale).float()
        return whole[:, self.given :], whole[:, : self.given] if self.given else None

    def around(self, energy: Energy) -> Rescaled:
        """An energy of standardized columns, asked in the columns' own units."""
        cut = self.given
        if not cut:
            return Rescaled(energy, self.shift, self.scale)
        shift, scale = self.shift, self.scale
        return Rescaled(energy, shift[cut:], scale[cut:], shift[:cut], scale[:cut])

    @staticmethod
    def of(state: dict[str, Tensor]) -> Units:
        """Those of a saved energy."""
        if state.get("x_shift") is None:
            return Units(state["shift"], state["scale"])
        shift, scale = (torch.cat([state[f"x_{s}"], state[s]]) for s in ("shift", "scale"))
        return Units(shift, scale, len(state["x_shift"]))


def column_units(summary: Summary, given: int = 0) -> Units:
    """Mean and standard deviation of every column, 1 where it is constant; float64."""
    spread = np.sqrt(summary.variance)
    spread[spread <= 1e-12 * np.maximum(np.abs(summary.mean), 1e-300)] = 1
    return Units(torch.from_numpy(summary.mean), torch.from_numpy(spread), given)


@dataclass
class Start:
    """What a fit by gradient steps starts from."""

    source: Source
    """rows to learn from"""
    units: Units | None
    """those that steps see rows in, on the device; None for those that rows come in"""
    hardware: Hardware
    seeds: Seeds
    looked_at: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """positions of rows that the objective looks at before training"""

    @property
    def device(self) -> torch.device:
        return self.hardware.device

    def batch(self, index: NDArray[np.integer]) -> Batch:
        """From positions of rows to what a step sees."""
        rows = self.source.take(index)
        positions = torch.from_numpy(index).to(self.device)
        if self.units is not None:
            return Batch(*self.units.standardized(rows), position=positions)
        y = torch.from_numpy(rows).to(self.device)
        return Batch(y.float() if y.is_floating_point() else y, position=positions)


class TrainedModel(Seeded, FittedModel):
    """An estimator trained by gradient steps on an objective.

    ``fit`` reads rows, says with ``_start`` what training starts from, and calls ``_train``, whose
    steps subclasses fill in.
    """

    history_: History = learned("Loss and monitors of every step. Not saved.")

    def _hardware(self) -> Hardware:
        return Hardware(str(Device.resolve(self.device)))

    def _start(
        self, source: Source, units: Units | None, hardware: Hardware | None = None
    ) -> Start:
        """Rows, in units of the columns or (None) as they come."""
        hardware = self._hardware() if hardware is None else hardware
        found = seeds(self.random_state, hardware)
        return Start(source, units and units.to(hardware.device), hardware, found)

    def _train(self, start: Start, run: Run | None) -> Energy:
        """The trained energy, in the units of the batches."""
        energy = self._initial(start).to(start.device)
        objective = self._begun(start, energy)
        self.history_ = self._descend(start, energy, objective, self._recipe(start), run)
        self._finish(start, energy, objective)
        return energy

    @abstractmethod
    def _initial(self, start: Start) -> Energy:
        """The energy before training, its weights drawn from ``start.seeds.model``."""

    @abstractmethod
    def _begun(self, start: Start, energy: Energy) -> Objective:
        """The objective, where it needs to having looked at rows, on the device."""

    def _recipe(self, start: Start) -> Recipe:
        """The numbers of training."""
        raise NotImplementedError

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
        return fit(
            energy, objective, start.batch, order, recipe, start.seeds.noise,
            title=type(self).__name__, hardware=hardware, run=run, verbose=self.verbose > 0,
        )  # fmt: skip

    def _restore(self, state: dict[str, Tensor]) -> Self:
        super()._restore(state).energy_.eval()
        return self


class GradientModel(GradientSteps, TrainedModel):
    """One that has so many steps, of so many rows, at such a rate."""

    def _recipe(self, start: Start) -> Recipe:
        facts = run_facts(self, start.source)
        return Recipe(self.n_steps, self.learning_rate, facts=facts)

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
        return Hardware(str(Device.resolve(self.device)), self.precision)

    def _recipe(self, start: Start) -> Recipe:
        return replace(super()._recipe(start), precision=self.precision)


def run_facts(model: BaseEstimator, rows: Source) -> dict[str, Any]:
    """What has to be equal for a checkpoint to be of this run: the estimator, settings, data."""
    shown = {
        # a RandomState moves on and has no name of its own
        name: type(value).__name__ if isinstance(value, np.random.RandomState) else repr(value)
        for name, value in model.get_params(deep=False).items()
        if name not in ("device", "verbose")
    }
    return {"estimator": type(model).__name__, **shown, "data": rows.fingerprint()}


def averaging(n_steps: int) -> float:
    """The decay of a moving average of parameters over about the last tenth of the steps."""
    return 1 - 1 / max(2.0, n_steps / 10)


@torch.no_grad()
def usual_errors(
    energy: MaskedPrediction, start: Start, least: float = 1e-3, count: int = 4096
) -> Tensor:
    """Root mean square of what the others leave unsaid of each column, at least so much: (d,).

    Over ``count`` random rows, or all of fewer.
    """
    total, visible = torch.zeros_like(energy.sigma), torch.zeros_like(energy.sigma)
    chosen = np.random.default_rng(0).permutation(len(start.source))[:count]
    size = min(512, start.source.chunk_rows)
    for first in range(0, len(chosen), size):
        y = start.batch(np.sort(chosen[first : first + size])).y
        known = ~y.isnan()
        error = torch.where(known, torch.where(known, y, 0) - energy.from_others(y), 0)
        total, visible = total + error.square().sum(dim=0), visible + known.sum(dim=0)
    # a column that others say exactly keeps some room
    return (total / visible.clamp_min(1)).sqrt().clamp_min(least)
