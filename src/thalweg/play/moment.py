"""What is seen of an energy while it is trained: a copy that no step changes."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch

from thalweg.core import Energy
from thalweg.play.marks import marks
from thalweg.play.methods import METHODS
from thalweg.play.plane import Paired, inverse_temperature, listed
from thalweg.play.scenes import Scene
from thalweg.training import History

ASKED = 256
"""Rows, and points elsewhere, whose mean energy is followed"""

NEAR = 0.15
"""Share of the data's deviation within which a point is not elsewhere"""

RECENT = 20
"""Steps that a gap is the mean of"""

CURVE = 400
"""Points of a curve that are kept: every other one goes when there are more"""


class Moment(NamedTuple):
    """One state of training."""

    version: int
    step: int
    energy: Energy
    """of rows of the plane; it is never written to"""
    marks: dict[str, Any]
    curves: dict[str, list[float | None]]
    """mean energies so far, by step"""

    def described(self, scene: Scene) -> dict[str, Any]:
        """What a page has to know of it, besides its field."""
        return {
            "marks": listed(self.marks, 4),
            "curves": listed(self.curves, 4),
            "beta": inverse_temperature(self.energy, scene.rows),
        }


class Curves:
    """Mean energies over the steps: of the data, of other points of the scene, of negatives.

    Parameters
    ----------
    scene : Scene
    """

    def __init__(self, scene: Scene) -> None:
        generator = torch.Generator().manual_seed(0)
        points = scene.anywhere(4 * ASKED, generator)
        away = torch.cdist(points, scene.rows).min(dim=1).values
        far = away > NEAR * scene.rows.std(dim=0).mean()
        self.elsewhere = points[far][:ASKED]
        order = torch.randperm(len(scene.rows), generator=generator)[:ASKED]
        self.rows = scene.rows[order]
        self.kept: dict[str, list[float | None]] = {
            "step": [], "data": [], "elsewhere": [], "negatives": []
        }  # fmt: skip
        self._every = 1
        self._asked = 0

    @torch.no_grad()
    def add(
        self, step: int, energy: Energy, history: History | None
    ) -> dict[str, list[float | None]]:
        """Ask the energy as it is now: the curves so far, this point always among them."""
        data = float(energy(self.rows).mean())
        gap = None if history is None else history.recent("gap", min(RECENT, len(history)))
        found = {
            "step": float(step),
            "data": data,
            "elsewhere": float(energy(self.elsewhere).mean()),
            "negatives": None if gap is None else data + float(gap.mean()),
        }
        whole = {name: [*values, found[name]] for name, values in self.kept.items()}
        if self._asked % self._every == 0:
            self.kept = whole
        self._asked += 1
        if len(self.kept["step"]) > CURVE:
            self.kept = {name: values[::2] for name, values in self.kept.items()}
            self._every *= 2
        return whole


def seen(
    version: int,
    step: int,
    energy: Energy,
    word: str,
    model: Any,
    scene: Scene,
    curves: Curves,
    history: History | None,
) -> Moment:
    """A copy of an energy as it is, to be looked at while training goes on."""
    kept = copy.deepcopy(energy).eval().requires_grad_(False)
    shown: Energy = Paired(kept) if METHODS[word].paired else kept
    followed = curves.add(step, shown, history)
    return Moment(version, step, shown, marks(word, model, shown, scene), followed)
