"""Whether an energy keeps the laws that everything else relies on."""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn

from thalweg.core.check_draws import draws_that_do_not_fit
from thalweg.core.check_slopes import gradients_that_differ, jumps_between_rows
from thalweg.core.checked import Checked, said_of
from thalweg.core.errors import InputError
from thalweg.core.function import as_energy
from thalweg.core.views import as_rows

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
        By how much numbers may differ, of their size; 1e-6 in double precision, 1e-3 in single,
        and 0.05 in half.

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
    except_for = [except_for] if isinstance(except_for, str) else except_for
    unknown = sorted(set(except_for) - set(LAWS))
    if unknown:
        raise InputError(f"except_for has {', '.join(unknown)}; expected of {', '.join(LAWS)}")
    whole = as_energy(energy)
    if not isinstance(rows, Tensor) or rows.is_floating_point():
        rows = as_rows("check_energy: rows", rows, whole)
    if rows.dim() < 2 or len(rows) < 2:
        raise InputError(f"rows must be (n, *shape), at least two; got shape {tuple(rows.shape)}")
    if x is not None and len(x) != len(rows):
        raise InputError(f"x has {len(x)} rows, and rows {len(rows)}; expected as many")
    checked = Checked(whole, rows, x, rtol)
    for name, law in LAWS.items():
        if name in except_for:
            continue
        broken = law(checked)
        if broken is not None:
            raise InputError(f"{checked.name} breaks the law {name!r}: {broken}")


def _shape(c: Checked) -> str | None:
    value = c.of(c.y)
    if value.shape != (len(c.y),) or not value.is_floating_point():
        return (
            f"of {len(c.y)} rows it gives {value.dtype} {tuple(value.shape)}; expected floating "
            f"point numbers ({len(c.y)},)"
        )
    return None


def _numbers(c: Checked) -> str | None:
    value = c.of(c.y)
    bad = (value.isnan() | (value == -torch.inf)).nonzero()
    if len(bad):
        i = int(bad[0, 0])
        return f"row {i} has energy {float(value[i])}"
    return None


def _repeats(c: Checked) -> str | None:
    return c.first(c.of(c.y), c.of(c.y), "energy", "when it is asked again (dropout, noise?)")


def _rows(c: Checked) -> str | None:
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


def _hidden(c: Checked) -> str | None:
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


def _above_minimum(c: Checked, visible: Tensor, least: Tensor) -> str | None:
    for k in range(FILLINGS):
        above = c.of(torch.where(visible, c.y, c.y.roll(k, dims=0)))
        bad = (least > above + c.rtol * above.abs().clamp_min(1)).nonzero()
        if len(bad):
            i = int(bad[0, 0])
            return (
                f"row {i} has energy {said_of(least[i])} with an entry hidden, and only "
                f"{said_of(above[i])} with one filled in; expected the minimum"
            )
    return None


def _draws(c: Checked) -> str | None:
    if c.x is not None:
        return None
    return draws_that_do_not_fit(c.energy, c.y)


LAWS: dict[str, Callable[[Checked], str | None]] = {
    "shape": _shape,
    "numbers": _numbers,
    "repeats": _repeats,
    "rows": _rows,
    "gradient": gradients_that_differ,
    "jumps": jumps_between_rows,
    "hidden": _hidden,
    "draws": _draws,
}
"""Each says what is wrong, or None"""
