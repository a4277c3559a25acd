"""Whether an energy keeps the laws that everything else relies on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor, nn

from thalweg.core.check_draws import draws_that_do_not_fit
from thalweg.core.derivatives import by_autograd
from thalweg.core.energy import Energy
from thalweg.core.errors import InputError
from thalweg.core.function import as_energy

SEGMENTS, HALVINGS = 32, 36
"""Pieces of a line between two rows, and how often the one of most change is halved"""

STEP = 1e-5
"""Of differences, in units of the rows' spread"""

KINKS = 0.25
"""Share of the rows at which a difference may tell of a kink"""

FILLINGS = 20
"""Of hidden entries, by which a minimum is held to be one"""


def check_energy(
    energy: nn.Module | Callable[..., Tensor],
    rows: Tensor,
    x: Tensor | None = None,
    *,
    except_for: Collection[str] = (),
    rtol: float | None = None,
) -> None:
    r"""Raise with the law that an energy breaks; return if it keeps all of them.

    ``shape``: one number a row, of floating point. ``numbers``: none is NaN or -inf. ``repeats``:
    the same rows have the same energy. ``rows``: no row sees another. ``gradient``: what the energy
    says of its slopes is what autograd and differences say. ``jumps``: there are none on the lines
    between the rows. ``hidden``: with nothing hidden :meth:`~thalweg.core.Energy.restricted` is F;
    what is hidden does not matter; what is hidden twice is hidden once; a minimum over hidden
    coordinates is one. ``draws``: log Z, draws and F are of one density (up to 10 columns).

    An energy that says nothing about hidden coordinates or draws is not asked about them.

    Parameters
    ----------
    energy : Energy, Module or callable
    rows : Tensor
        ``(n, *shape)``, at least two, like those that it is made for: where it is finite.
    x : Tensor, optional
        ``(n, ...)``, what is given.
    except_for : collection of str, optional
        Laws that are not meant to hold.
    rtol : float, optional
        By how much numbers may differ, of their size; 1e-6 in double precision, 1e-3 in single.

    Raises
    ------
    InputError
        With the law, the rows and the numbers.

    Examples
    --------
    >>> rows = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    >>> check_energy(lambda y: y.square().sum(dim=1), rows)
    >>> check_energy(lambda y: (y - y.mean(dim=0)).square().sum(dim=1), rows)
    Traceback (most recent call last):
    ...
    thalweg.core.errors.InputError: <lambda> breaks the law 'rows': row 0 has energy ...
    """
    unknown = sorted(set(except_for) - set(LAWS))
    if unknown:
        raise InputError(f"except_for has {', '.join(unknown)}; expected of {', '.join(LAWS)}")
    if not isinstance(rows, Tensor) or rows.dim() < 2 or len(rows) < 2:
        raise InputError("rows must be a tensor (n, *shape) of at least two rows")
    if x is not None and len(x) != len(rows):
        raise InputError(f"x has {len(x)} rows, and rows {len(rows)}; expected as many")
    checked = _Checked(energy, rows, x, rtol)
    for name, law in LAWS.items():
        if name in except_for:
            continue
        broken = law(checked)
        if broken is not None:
            raise InputError(f"{checked.name} breaks the law {name!r}: {broken}")


class _Checked:
    """An energy, rows to ask it about, and how near numbers have to be."""

    def __init__(self, energy: Any, rows: Tensor, x: Tensor | None, rtol: float | None) -> None:
        self.energy = as_energy(energy)
        self.name = getattr(self.energy, "called", type(self.energy).__name__)
        self.y, self.x = rows.detach(), x
        self.plain = rows.dim() == 2 and self.energy.space == "real"
        single = rows.dtype != torch.float64
        self.rtol = (1e-3 if single else 1e-6) if rtol is None else rtol

    def of(self, y: Tensor, at: Any = slice(None), energy: Energy | None = None) -> Tensor:
        """F without a graph; ``at`` says whose x."""
        with torch.no_grad():
            x = None if self.x is None else self.x[at]
            asked = self.energy if energy is None else energy
            value: Tensor = asked(y, x)
            return value

    def differ(self, one: Tensor, other: Tensor) -> Tensor:
        """Where numbers are not as near as they have to be."""
        size = torch.maximum(one.abs(), other.abs()).clamp_min(1)
        # what is infinite on both sides is the same
        return ~((one == other) | ((one - other).abs() <= self.rtol * size))

    def first(self, one: Tensor, other: Tensor, what: str, otherwise: str) -> str | None:
        """Of the first row at which two things (n, ...) differ."""
        bad = self.differ(one, other).flatten(1 if one.dim() > 1 else 0)
        bad = bad.any(dim=1) if bad.dim() > 1 else bad
        if not bool(bad.any()):
            return None
        i = int(bad.nonzero()[0, 0])
        return f"row {i} has {what} {_said(one[i])}, and {_said(other[i])} {otherwise}"


def _said(number: Tensor) -> str:
    flat = number.flatten()
    text = ", ".join(f"{float(each):.6g}" for each in flat[:4])
    return text if len(flat) == 1 else f"({text}{', ...' if len(flat) > 4 else ''})"


def _shape(c: _Checked) -> str | None:
    value = c.of(c.y)
    if value.shape != (len(c.y),) or not value.is_floating_point():
        return (
            f"of {len(c.y)} rows it gives {value.dtype} {tuple(value.shape)}; expected floating "
            f"point numbers ({len(c.y)},)"
        )
    return None


def _numbers(c: _Checked) -> str | None:
    value = c.of(c.y)
    bad = (value.isnan() | (value == -torch.inf)).nonzero()
    if len(bad):
        i = int(bad[0, 0])
        return f"row {i} has energy {float(value[i])}"
    return None


def _repeats(c: _Checked) -> str | None:
    return c.first(c.of(c.y), c.of(c.y), "energy", "when it is asked again (dropout, noise?)")


def _rows(c: _Checked) -> str | None:
    value, n = c.of(c.y), len(c.y)
    half = c.of(c.y[: n // 2], slice(0, n // 2)) if n > 3 else value[: n // 2]
    found = c.first(value[: n // 2], half, "energy", "when it is asked about with fewer others")
    if found:
        return found
    alone = torch.cat([c.of(c.y[i : i + 1], slice(i, i + 1)) for i in range(min(n, 8))])
    found = c.first(value[: len(alone)], alone, "energy", "when it is asked about alone")
    back = torch.arange(n - 1, -1, -1, device=c.y.device)
    other = c.of(c.y[back], back)[back]
    return found or c.first(value, other, "energy", "when the rows are in another order")


def _gradient(c: _Checked) -> str | None:
    energy, x = c.energy, c.x
    if not c.y.is_floating_point() or not _differentiable(c):
        return None
    value, slope = by_autograd(lambda at: energy(at, x), c.y)
    said, own = energy.value_and_gradient(c.y, x)
    around = torch.randn(c.y.shape, generator=torch.Generator().manual_seed(0)).to(c.y)
    with torch.enable_grad():
        again, slopes, _ = energy.along(c.y, around[None], x)
    along = (slope * around).flatten(1).sum(dim=1)
    found = (
        c.first(said, value, "energy by value_and_gradient", "when it is asked itself")
        or c.first(own, slope, "gradient by value_and_gradient", "by autograd")
        or c.first(energy.gradient(c.y, x), slope, "gradient", "by autograd")
        or c.first(energy.slope(c.y, x).detach(), slope, "slope", "by autograd")
        or c.first(again.detach(), value, "energy by along", "when it is asked itself")
        or c.first(slopes[0].detach(), along, "slope along a direction", "by autograd")
    )
    return found or (_by_differences(c, around) if energy.space == "real" else None)


def _differentiable(c: _Checked) -> bool:
    with torch.enable_grad():
        value = c.energy(c.y.clone().requires_grad_(), c.x)
    return bool(value.requires_grad)


def _by_differences(c: _Checked, around: Tensor) -> str | None:
    energy = _in_double(c)
    if energy is None:
        return None
    y, h = c.y.double(), STEP * float(c.y.double().std().clamp_min(1e-12))
    around = around.double()
    slope = by_autograd(lambda at: energy(at, c.x), y)[1]
    up, down = c.of(y + h * around, energy=energy), c.of(y - h * around, energy=energy)
    found = (up - down) / (2 * h)
    said = (slope * around).flatten(1).sum(dim=1)
    size = torch.maximum(found.abs(), said.abs()) + c.of(y, energy=energy).abs() * 1e-6 + 1e-6
    bad = ~((found - said).abs() <= max(c.rtol, 1e-3) * size)
    if float(bad.double().mean()) <= KINKS:
        return None
    i = int(bad.nonzero()[0, 0])
    return (
        f"row {i} has slope {_said(said[i])} along a direction by autograd, and {_said(found[i])} "
        "by differences"
    )


def _in_double(c: _Checked) -> Energy | None:
    """The same energy in double precision, and of double rows; None where it has none."""
    try:
        twin = copy.deepcopy(c.energy).double()
        with torch.no_grad():
            kind = twin(c.y.double(), None if c.x is None else c.x).dtype
    except RuntimeError:
        # a part of it that is of one precision alone
        return None
    return twin if kind == torch.float64 else None


def _jumps(c: _Checked) -> str | None:
    energy = _in_double(c) if c.energy.space == "real" else None
    if energy is None:
        return None
    y = c.y.double()
    first, last = y[:-1], y[1:]
    at = slice(0, len(first))

    def along(t: Tensor) -> Tensor:
        wide = t.reshape(-1, *[1] * (y.dim() - 1))
        return c.of(first + wide * (last - first), at, energy)

    ends = torch.linspace(0, 1, SEGMENTS + 1, dtype=y.dtype, device=y.device)
    values = torch.stack([along(t.expand(len(first))) for t in ends])
    change = (values[1:] - values[:-1]).abs()
    most = change.nan_to_num(torch.inf).argmax(dim=0)
    low, high = ends[most], ends[most + 1]
    under, over = (v.gather(0, most[None])[0] for v in (values[:-1], values[1:]))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        value = along(middle)
        left = (value - under).abs() >= (over - value).abs()
        low, under = torch.where(left, low, middle), torch.where(left, under, value)
        high, over = torch.where(left, middle, high), torch.where(left, value, over)
    rise = (over - under).abs()
    spread = (values.amax(dim=0) - values.amin(dim=0)).nan_to_num(1.0, posinf=1.0)
    size = 1e-4 * (spread + values.abs().amax(dim=0).nan_to_num(1.0, posinf=1.0) * 1e-3)
    bad = (~(rise <= size) & (under != over)).nonzero()
    if not len(bad):
        return None
    i = int(bad[0, 0])
    return (
        f"on the line from row {i} to row {i + 1} it jumps from {float(under[i]):.6g} to "
        f"{float(over[i]):.6g}, {float(low[i]):.6f} of the way"
    )


def _hidden(c: _Checked) -> str | None:
    if not c.plain:
        return None
    whole = c.energy.restricted(torch.ones_like(c.y, dtype=torch.bool))
    if whole is None:
        return None
    found = c.first(
        c.of(c.y, energy=whole), c.of(c.y), "energy with nothing hidden", "by itself"
    )  # fmt: skip
    n, d = c.y.shape
    if found or d < 2:
        return found
    row = torch.arange(n, device=c.y.device)
    one, two = torch.ones(2, n, d, dtype=torch.bool, device=c.y.device)
    one[row, row % d] = False
    two[::2, 0] = False
    view, once = c.energy.restricted(one), c.energy.restricted(one & two)
    if view is None or once is None:
        return "with nothing hidden it is restricted, and not with entries hidden"
    given, twice = c.of(torch.where(one, c.y, torch.nan), energy=view), view.restricted(two)
    found = c.first(
        given, c.of(torch.where(one, c.y, 7.0), energy=view), "energy with an entry hidden",
        "when there is another number behind it",
    )  # fmt: skip
    if found is None and twice is not None:
        found = c.first(
            c.of(c.y, energy=twice), c.of(c.y, energy=once), "energy hidden twice",
            "when the same is hidden at once",
        )  # fmt: skip
    return found or (_above_minimum(c, one, given) if c.energy.minimizes_hidden else None)


def _above_minimum(c: _Checked, visible: Tensor, least: Tensor) -> str | None:
    for k in range(FILLINGS):
        above = c.of(torch.where(visible, c.y, c.y.roll(k, dims=0)))
        bad = (least > above + c.rtol * above.abs().clamp_min(1)).nonzero()
        if len(bad):
            i = int(bad[0, 0])
            return (
                f"row {i} has energy {_said(least[i])} with an entry hidden, and only "
                f"{_said(above[i])} with one filled in; expected the minimum"
            )
    return None


def _draws(c: _Checked) -> str | None:
    if c.x is not None:
        return None
    return draws_that_do_not_fit(c.energy, c.y)


LAWS: dict[str, Callable[[_Checked], str | None]] = {
    "shape": _shape,
    "numbers": _numbers,
    "repeats": _repeats,
    "rows": _rows,
    "gradient": _gradient,
    "jumps": _jumps,
    "hidden": _hidden,
    "draws": _draws,
}
"""Each says what is wrong, or None"""
