"""What is asked of an energy of the plane while somebody looks at it."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from thalweg import questions
from thalweg.core import Energy
from thalweg.energies import Rescaled
from thalweg.latents import Exhaustive, FreeEnergy
from thalweg.play.scenes import Scene
from thalweg.samplers import Langevin, run

LINE = 400
"""Points of a line along which y2 may lie"""

FLAT, NOTHING = 1e-4, 1e-9
"""Share of a line's range of heights that a valley is deep, at least; what rounding makes"""

PATH = 60
"""Points of a path that are drawn"""

SHOWN, ASKED = 600, 200
"""Rows of the data that are drawn, and that say how wide an energy is"""

PIXEL, EXACT = 3e-4, 1e-6
"""Share of a point's length below which a step of a descent is not seen, and is none at all"""

BLOCK = 16_384
"""Points that are asked about at a time"""


class Paired(Energy):
    """F(x, y) over the plane: the first coordinate is x, the second is y.

    Parameters
    ----------
    energy : Energy
        Of y (n, 1), given x (n, 1).
    """

    def __init__(self, energy: Energy) -> None:
        super().__init__()
        self.energy, self.beta = energy, energy.beta

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        value: Tensor = self.energy(y[:, 1:], y[:, :1])
        return value


@torch.no_grad()
def field(energy: Energy, scene: Scene, resolution: int) -> Tensor:
    """F on a lattice over the scene, rows from below: (resolution, resolution)."""
    values = [energy(part) for part in scene.grid(resolution).split(BLOCK)]
    return torch.cat(values).reshape(resolution, resolution)


def softened(energy: Energy, beta: float) -> Energy:
    """F_beta of what has a latent variable that can be summed over; else the energy itself.

    A copy: the energy that is given may be asked by others meanwhile.
    """
    free = [each for each in energy.modules() if isinstance(each, FreeEnergy)]
    if not any(isinstance(each.solver, Exhaustive) for each in free):
        return energy
    result = copy.deepcopy(energy)
    for module in result.modules():
        # what stands around it says how probable a height is
        if isinstance(module, (FreeEnergy, Rescaled, Paired)):
            module.beta = beta
    return result


def described(scene: Scene) -> dict[str, Any]:
    """What a page has to know of a scene."""
    return {
        "low": scene.low,
        "high": scene.high,
        "names": scene.names,
        "rows": listed(scene.rows[:SHOWN], 4),
        "scale": float(scene.rows.std(dim=0).mean()),
    }


def inverse_temperature(energy: Energy, rows: Tensor) -> float:
    """The beta that makes exp(-beta F) as wide as the data: its own, or what their mean says.

    A squared distance in the plane has the mean 1 / beta.
    """
    if math.isfinite(energy.beta) and energy.beta > 0:
        return float(energy.beta)
    with torch.no_grad():
        mean = float(energy(rows[:ASKED]).mean())
    return 1 / mean if mean > 1e-6 else 1e6


class Fall(NamedTuple):
    """A way down."""

    path: Tensor
    """(k, 2): where it began, and what comes after"""
    energy: tuple[float, float]
    """where it began and where it ends"""
    closest: Tensor | None
    """(2,), the point of the data manifold that is closest, where it was asked for"""


def fall(energy: Energy, point: Sequence[float], settled: bool = False) -> Fall:
    """Down the energy from a point, as :func:`thalweg.questions.descend` goes.

    While the point moves to less than a pixel; ``settled``, to its very end, and with the point of
    the data manifold that is closest. What is given, x, stays.
    """
    start = torch.tensor([list(point)], dtype=torch.float32)
    free = torch.tensor([[False, True]]) if isinstance(energy, Paired) else None
    passed: list[Tensor] = []
    tol = EXACT if settled else PIXEL
    end = questions.descend(energy, start, free=free, path=passed, tol=tol)
    way = _thinned(torch.cat([start, *passed, end]))
    with torch.no_grad():
        before, after = energy(torch.cat([start, end])).tolist()
    whole = settled and free is None
    return Fall(way, (before, after), questions.project(energy, start)[0] if whole else None)


def _thinned(way: Tensor) -> Tensor:
    if len(way) <= PATH:
        return way
    # more of the beginning, where steps are long
    share = torch.linspace(0, 1, PATH).square()
    return way[(share * (len(way) - 1)).round().long().unique()]


class Given(NamedTuple):
    """What y2 may be, given y1."""

    y2: Tensor
    """(LINE,)"""
    energy: Tensor
    """(LINE,)"""
    density: Tensor
    """(LINE,), p(y2 | y1) at the energy's own inverse temperature"""
    valleys: list[dict[str, float]]
    """the lowest first: where, how low, and how probable"""


def given(energy: Energy, scene: Scene, y1: float, beta: float) -> Given:
    """F along a line, and its valleys, each brought to its lowest point."""
    y2 = torch.linspace(scene.low[1], scene.high[1], LINE)
    line = torch.stack([torch.full_like(y2, y1), y2], dim=1)
    with torch.no_grad():
        values = energy(line)
    weight = torch.softmax(-beta * values.double(), dim=0)
    at = _lowest(values)
    free = torch.tensor([[False, True]]).expand(len(at), 2)
    ends = questions.descend(energy, line[at], free=free)
    with torch.no_grad():
        lowest = energy(ends)
    valleys = [
        {"y2": float(e[1]), "energy": float(f), "share": float(s)}
        for e, f, s in zip(ends, lowest, _basins(values, weight, at), strict=True)
    ]
    step = (scene.high[1] - scene.low[1]) / (LINE - 1)
    ranked = sorted(valleys, key=lambda valley: valley["energy"])
    return Given(y2, values, (weight / step).float(), ranked)


def _lowest(values: Tensor) -> Tensor:
    """Places of valleys: from each one rises to both sides, by more than rounding, or to an end."""
    heights = values.double()
    # what lies far from the data has heights beside which valleys are nothing
    least = FLAT * float(heights.quantile(0.5) - heights.min()) + NOTHING
    found: list[int] = []
    lowest, highest, falling = 0, 0, True
    for k in range(1, len(heights)):
        if falling:
            if heights[k] < heights[lowest]:
                lowest = k
            elif heights[k] > heights[lowest] + least:
                found.append(lowest)
                highest, falling = k, False
        elif heights[k] > heights[highest]:
            highest = k
        elif heights[k] < heights[highest] - least:
            lowest, falling = k, True
    if falling:
        found.append(lowest)
    return torch.tensor(found)


def _basins(values: Tensor, weight: Tensor, at: Tensor) -> list[float]:
    """The probability between the ridges on both sides of each valley."""
    edges = [0]
    for a, b in itertools.pairwise(at.tolist()):
        edges.append(a + int(values[a : b + 1].argmax()))
    edges.append(len(values))
    return [float(weight[a:b].sum()) for a, b in itertools.pairwise(edges)]


class Kicked(NamedTuple):
    """Contrastive divergence, seen: data, where they are kicked to, and their way down."""

    data: Tensor
    """(n, 2)"""
    paths: Tensor
    """(n, k, 2): from the kick to the landing"""


def kick(
    energy: Energy, data: Tensor, strength: float, generator: torch.Generator, n_steps: int = 30
) -> Kicked:
    """Kick points and let them roll, without noise, a few steps."""
    start = data + strength * torch.randn(data.shape, generator=generator)
    # as far a step as the slope and the kick allow
    slope = energy.value_and_gradient(start)[1].norm(dim=1)
    size = strength / max(float(slope.mean()), 1e-9) / 8
    roll = Langevin(step_size=size, noise=0.0)
    moved = run(roll, energy, roll.init(energy, start), n_steps, generator).draws
    return Kicked(data, torch.cat([start[:, None], moved], dim=1))


def listed(value: Any, digits: int = 5) -> Any:
    """Tensors as lists of numbers that are short to send; what is not finite as null."""
    if isinstance(value, Tensor):
        return listed(value.tolist(), digits)
    if isinstance(value, float):
        return float(f"{value:.{digits + 1}g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: listed(each, digits) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [listed(each, digits) for each in value]
    return value
