"""Down the energy, each row at its own pace."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from thalweg.core import Energy, EnergyFunction, as_energy, as_rows, whole_number
from thalweg.energies import Rescaled
from thalweg.samplers import LBFGS, Descending, GradientDescent, Minimizer

LOOKS = 5
"""Steps between two looks at which rows are done"""

ROUGH = 1e-4
"""What single precision has to get right of an energy, and share of a row's length that a step
has to move it by, for the first part of a descent to be made in it"""

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
    return _down(energy, y, x, free, steps, tol, path, method).y


def descend_apart(
    energy: Energy, y: Tensor, x: Tensor | None = None, free: Tensor | None = None
) -> Tensor:
    """The same by limited-memory BFGS for an energy that is not one of these very rows.

    It is asked about fewer and fewer of them: rows that have ended are left out. In the units that
    the energy was learned in, where all coordinates count alike; rows in double precision go most
    of the way in single, which takes a third of the time.
    """
    if isinstance(energy, Rescaled):
        ends = descend_apart(energy.energy, energy.into(y), energy.given(x), free)
        out = energy.out(ends)
        return out if free is None else torch.where(free, out, y)
    return descend_on(energy, descend_roughly(energy, y, x, free), x, free)


def descend_roughly(
    energy: Energy, y: Tensor, x: Tensor | None = None, free: Tensor | None = None
) -> Descending:
    """The most of the way: rows that single precision is enough for go no further than it leads."""
    if not begins_in_single(energy, y):
        return _down(energy, y, x, free, method=LBFGS(), apart=True)
    quick, able = in_single(energy, y, x)
    rows, others = able.nonzero()[:, 0], (~able).nonzero()[:, 0]
    at, given, may = y[rows], *(None if each is None else each[rows] for each in (x, free))
    found = _down(quick, at.float(), single(given), may, tol=ROUGH, method=LBFGS(), apart=True)
    moved = found.y.double() if may is None else torch.where(may, found.y.double(), at)
    lower = energy(moved, given) < energy(at, given)
    start = LBFGS().init(_Free(energy, x, free), y)
    after = Minimizer.kept(lower, _double(found)._replace(y=moved), LBFGS.taking(start, rows))
    whole = _put(start, rows, after)
    if len(others):
        given, may = (None if each is None else each[others] for each in (x, free))
        apart = _down(energy, y[others], given, may, method=LBFGS(), apart=True)
        whole = _put(whole, others, apart)
    return whole


def descend_on(
    energy: Energy, begun: Descending, x: Tensor | None = None, free: Tensor | None = None
) -> Tensor:
    """The rest of the way, from where :func:`descend_roughly` ended, in the precision of y."""
    if not begins_in_single(energy, begun.y):
        return begun.y
    moving = _Free(energy, x, free)
    value, grad = moving.value_and_gradient(begun.y)
    start = begun._replace(energy=value, grad=grad)
    return _down(energy, begun.y, x, free, method=LBFGS(), apart=True, start=start).y


def _double(state: Descending) -> Descending:
    y, energy, grad, rate = (each.double() for each in state[:4])
    return Descending(y, energy, grad, rate, tuple(each.double() for each in state.memory))


def _put(whole: Descending, rows: Tensor, part: Descending) -> Descending:
    """The rows of a state, by their positions, as they are in another one."""
    y, energy, grad, rate, *memory = (
        each.index_copy(0, rows, new)
        for each, new in zip((*whole[:4], *whole.memory), (*part[:4], *part.memory), strict=True)
    )
    return Descending(y, energy, grad, rate, tuple(memory))


def begins_in_single(energy: Energy, y: Tensor) -> bool:
    """Whether rows go most of the way in single precision: in double ones, down networks.

    Those were learned in single, are smooth, and cost most. Distances to rows and steep sources
    have kinks, beside which the last bit of a product decides where a row ends; and that bit
    depends on how many rows there are.
    """
    return y.dtype == torch.float64 and any(isinstance(m, nn.Linear) for m in energy.modules())


def in_single(energy: Energy, y: Tensor, x: Tensor | None) -> tuple[Energy, Tensor]:
    """An energy of double precision in single, and for which rows y it is right to 1e-4: (n,)."""
    quick = copy.deepcopy(energy).float()
    value = energy(y, x)
    return quick, (quick(y.float(), single(x)) - value).abs() <= ROUGH * (1 + value.abs())


def single(x: Tensor | None) -> Tensor | None:
    """What is given, in single precision if it is of real numbers."""
    return x.float() if x is not None and x.is_floating_point() else x


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
    start: Descending | None = None,
) -> Descending:
    method = GradientDescent() if method is None else method
    moving = _Free(energy, x, free)
    state = method.init(moving, y) if start is None else start
    # rows that are left out have ended
    ends, where = state, torch.arange(len(y), device=y.device)
    active = torch.ones(len(y), dtype=torch.bool, device=y.device)
    for made in range(max_steps):
        active &= method.reach(state) > tol * (1 + state.y.flatten(1).norm(dim=1))
        left = active.nonzero()[:, 0]
        if len(left) == 0:
            break
        if apart and made % LOOKS == 0 and len(left) < FEWER * len(active):
            ends = _put(ends, where, state)
            state, where, active = method.taking(state, left), where[left], active[left]
            moving = moving.taking(left)
        after, _ = method.step(moving, state)
        # a row that is done stays where it is
        state = method.kept(active, after, state)
        if path is not None:
            path.append(state.y)
    return _put(ends, where, state)


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
