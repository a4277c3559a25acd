"""Down the energy, each row at its own pace."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Energy, EnergyFunction, as_energy, as_rows, whole_number
from thalweg.samplers import LBFGS, GradientDescent, Minimizer

LOOKS = 5
"""Steps between two looks at which rows are done"""

FEWER = 0.8
"""Share of rows that still move below which the others are left out"""


class _Free(Energy):
    """An energy of y of which only some coordinates may move: elsewhere its gradient is 0."""

    def __init__(self, energy: Energy, x: Tensor | None, free: Tensor | None) -> None:
        super().__init__()
        self.energy, self.x, self.free = energy, x, free

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return self.energy(y, self.x)

    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        value, slope = self.energy.value_and_gradient(y, self.x)
        return value, slope if self.free is None else torch.where(self.free, slope, 0)

    def taking(self, rows: Tensor) -> _Free:
        """The same for some of the rows."""
        x, free = (None if each is None else each[rows] for each in (self.x, self.free))
        return _Free(self.energy, x, free)


def descend(
    energy: EnergyFunction,
    y: Tensor,
    x: Tensor | None = None,
    free: Tensor | None = None,
    max_steps: int = 200,
    tol: float = 1e-6,
    path: list[Tensor] | None = None,
    method: Minimizer | None = None,
) -> Tensor:
    """Follow the energy down from ``y`` to a local minimum.

    The energy of no row ever rises.

    Parameters
    ----------
    energy : Energy, or a function from (n, d) to (n,)
    y : Tensor
        (n, d), where to start.
    x : Tensor, optional
        What is given.
    free : Tensor, optional
        (n, d), bool: the coordinates that may move; all of them by default.
    max_steps : int, default 200
    tol : float, default 1e-6
        A row is done when a step would move it by less than this share of its length (plus one).
    path : list, optional
        Receives the rows after every step.
    method : Minimizer, optional
        :class:`GradientDescent` by default; also :class:`Nesterov` and :class:`LBFGS`.

    Returns
    -------
    Tensor
        (n, d).
    """
    energy = as_energy(energy)
    y = as_rows("descend: y", y, energy)
    steps = whole_number("descend: max_steps", max_steps, 0)
    return _down(energy, y, x, free, steps, tol, path, method)


def descend_apart(
    energy: Energy, y: Tensor, x: Tensor | None = None, free: Tensor | None = None
) -> Tensor:
    """The same by limited-memory BFGS for an energy that is not one of these very rows.

    It is asked about fewer and fewer of them: rows that have ended are left out.
    """
    return _down(energy, y, x, free, method=LBFGS(), apart=True)


def _down(
    energy: Energy,
    y: Tensor,
    x: Tensor | None,
    free: Tensor | None,
    max_steps: int = 200,
    tol: float = 1e-6,
    path: list[Tensor] | None = None,
    method: Minimizer | None = None,
    apart: bool = False,
) -> Tensor:
    method = GradientDescent() if method is None else method
    moving = _Free(energy, x, free)
    state = method.init(moving, y)
    # rows that are left out have ended
    ends, where = state.y.clone(), torch.arange(len(y), device=y.device)
    active = torch.ones(len(y), dtype=torch.bool, device=y.device)
    for made in range(max_steps):
        active &= method.reach(state) > tol * (1 + state.y.flatten(1).norm(dim=1))
        left = active.nonzero()[:, 0]
        if len(left) == 0:
            break
        if apart and made % LOOKS == 0 and len(left) < FEWER * len(active):
            ends[where] = state.y
            state, where, active = method.taking(state, left), where[left], active[left]
            moving = moving.taking(left)
        after, _ = method.step(moving, state)
        # a row that is done stays where it is
        state = method.kept(active, after, state)
        if path is not None:
            path.append(state.y)
    ends[where] = state.y
    return ends


def descend_bits(
    energy: Energy, y: Tensor, x: Tensor | None = None, free: Tensor | None = None
) -> Tensor:
    """Flip one bit at a time, the one that lowers the energy most, until none does.

    Parameters
    ----------
    energy : Energy
        Of binary numbers.
    y : Tensor
        (n, d), where to start; what is not 0 or 1 becomes the nearer of them.
    x : Tensor, optional
        What is given.
    free : Tensor, optional
        (n, d), bool: the coordinates that may move, and that are rounded; all of them by default.

    Returns
    -------
    Tensor
        (n, d): no row one flip away is lower.
    """
    free = torch.ones_like(y, dtype=torch.bool) if free is None else free
    y = torch.where(free, (y > 0.5).to(y), y)
    active = torch.arange(len(y), device=y.device)
    # each bit a hundred times: rounding of huge energies could send a row to and fro
    for _ in range(100 * y.shape[1]):
        if len(active) == 0:
            break
        part, given = y[active], None if x is None else x[active]
        after = energy.flipped(part, given).masked_fill(~free[active], torch.inf)
        lowest, bit = after.min(dim=1)
        # a margin: rounding must not send a row to and fro for ever
        value = energy(part, given)
        lower = lowest < value - 1e-6 * (1 + value.abs())
        active, bit = active[lower], bit[lower]
        y[active, bit] = 1 - y[active, bit]
    return y


def descend_mixed(
    energy: Energy, y: Tensor, x: Tensor | None = None, free: Tensor | None = None
) -> Tensor:
    """Down over bits and over real numbers by turns, each row until a turn changes no bit.

    Parameters
    ----------
    energy : Energy
        Knows which coordinates are bits.
    y, x, free
        As for :func:`descend_bits`.

    Returns
    -------
    Tensor
        (n, d).
    """
    bits = energy.which_bits()
    assert bits is not None
    free = torch.ones_like(y, dtype=torch.bool) if free is None else free
    active = torch.arange(len(y), device=y.device)
    y = y.clone()
    for _ in range(y.shape[1]):
        before, given, may = y[active], None if x is None else x[active], free[active]
        after = descend_apart(energy, before, given, may & ~bits)
        after = descend_bits(energy, after, given, may & bits)
        y[active] = after
        active = active[((after != before) & bits).any(dim=1)]
        if not len(active):
            break
    return descend_apart(energy, y, x, free & ~bits)


def descend_any(
    energy: Energy, y: Tensor, x: Tensor | None = None, free: Tensor | None = None
) -> Tensor:
    """Down the energy over what its coordinates are made of: bits, real numbers, or both."""
    if energy.space == "binary":
        return descend_bits(energy, y, x, free)
    if energy.space == "mixed":
        return descend_mixed(energy, y, x, free)
    return descend_apart(energy, y, x, free)
