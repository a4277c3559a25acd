"""What a fit by gradient steps starts from: rows in units of their own, seeds, hardware."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import Batch, Energy
from thalweg.data import Source, Summary
from thalweg.energies import Rescaled
from thalweg.training.hardware import Hardware


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
    from sklearn.utils import check_random_state  # slow to import

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

    def single(self) -> Units:
        """For an energy in single precision, as it is while it learns."""
        return Units(self.shift.float(), self.scale.float(), self.given)

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


def column_units(summary: Summary) -> Units:
    """Mean and standard deviation of every column, 1 where it is constant; float64."""
    spread = np.sqrt(summary.variance)
    spread[constant_columns(summary)] = 1
    return Units(torch.from_numpy(summary.mean), torch.from_numpy(spread))


def constant_columns(summary: Summary) -> NDArray[np.bool_]:
    """Which columns have one value alone: (d,)."""
    spread = np.sqrt(summary.variance)
    return np.asarray(spread <= 1e-12 * np.maximum(np.abs(summary.mean), 1e-300))


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
        rows, positions = self.source.take(index), torch.from_numpy(index)
        if self.units is not None:
            return Batch(*self.units.standardized(rows), position=positions)
        y = torch.from_numpy(rows).to(self.device)
        return Batch(y.float() if y.is_floating_point() else y, position=positions)

    def batches(self, count: int) -> Iterator[Tensor]:
        """Random rows, so many or all of fewer, the same for every seed, some at a time."""
        chosen = np.random.default_rng(0).permutation(len(self.source))[:count]
        size = min(512, self.source.chunk_rows)
        for first in range(0, len(chosen), size):
            yield self.batch(np.sort(chosen[first : first + size])).y
