"""Any function or module as an energy."""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from thalweg.core.energy import Energy
from thalweg.core.errors import InputError
from thalweg.core.latent_energy import LatentEnergy

_told: set[str] = set()
"""Names of functions of which it has been said that they give columns"""


class Function(Energy):
    r"""A function or a module as an energy, :math:`F(y) = f(y)` or :math:`F(x, y) = f(y, x)`.

    It gives one number a row, (n,); a column, (n, 1), is taken for that too, with a warning the
    first time. A module that computes in one precision gets rows in it.

    Parameters
    ----------
    function : callable
        From ``y``, ``(n, *shape)``, or ``y`` and ``x``, to (n,). The parameters of a module are
        parameters of the energy.

    Raises
    ------
    InputError
        When it is asked, if the answer is not one number a row, or if x is given to a function of
        y alone.

    Examples
    --------
    >>> energy = Function(lambda y: 0.5 * y.square().sum(dim=1))
    >>> energy(torch.tensor([[3.0, 4.0]]))
    tensor([12.5000])
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self._function = function
        if isinstance(function, nn.Module):
            self.training = function.training
        self._takes_x = _takes_x(function)

    @property
    def called(self) -> str:
        """What messages call it."""
        function = self._function
        return getattr(function, "__name__", None) or type(function).__name__

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        # a network in single precision has nothing to say of more digits
        y = _in_precision_of(self, y)
        if x is None:
            value = self._function(y)
        elif not self._takes_x:
            raise InputError(
                f"{self.called}: it is a function of y alone, and x is given, "
                f"{tuple(x.shape)}; expected one of (y, x), or rows y without x (of batches of "
                "data and labels, pair='y')"
            )
        else:
            value = self._function(y, _in_precision_of(self, x))
        return self._one_a_row(value, len(y))

    def _one_a_row(self, value: object, n: int) -> Tensor:
        if not isinstance(value, Tensor):
            raise InputError(
                f"{self.called}: its value is {type(value).__name__}; expected a tensor ({n},), "
                "one number a row"
            )
        if value.shape == (n,):
            return value
        if value.shape != (n, 1):
            raise InputError(
                f"{self.called}: its value for {n} rows has shape {tuple(value.shape)}; expected "
                f"({n},), one number a row"
            )
        if self.called not in _told:
            _told.add(self.called)
            warnings.warn(
                f"{self.called}: its value is a column, ({n}, 1), and taken for ({n},), one number "
                "a row",
                stacklevel=2,
            )
        return value[:, 0]


def as_energy(energy: nn.Module | Callable[..., Tensor]) -> Energy:
    """An energy, a module or a function as an energy; itself if it is one.

    Parameters
    ----------
    energy : Energy, Module or callable
        From ``y``, ``(n, *shape)``, or ``y`` and ``x``, to one number a row.

    Raises
    ------
    InputError
        If it is none of these, or a latent energy, whose z has to be removed first.
    """
    if isinstance(energy, Energy):
        return energy
    if isinstance(energy, LatentEnergy):
        raise InputError(
            f"{type(energy).__name__} is an energy E(y, z) with a latent variable; expected one "
            "without: FreeEnergy(energy, solver)"
        )
    if not callable(energy):
        raise InputError(
            f"energy is {type(energy).__name__}; expected an Energy, a module or a function (of an "
            "estimator, energy_)"
        )
    return Function(energy)


def name_of(energy: Energy) -> str:
    """What messages call an energy."""
    return energy.called if isinstance(energy, Function) else type(energy).__name__


def precision_of(module: nn.Module) -> torch.dtype | None:
    """The floating point type of all parameters and buffers; None if there is no single one."""
    kinds = {
        each.dtype
        for group in (module.parameters(), module.buffers())
        for each in group
        if each.is_floating_point()
    }
    return kinds.pop() if len(kinds) == 1 else None


def _in_precision_of(module: nn.Module, rows: Tensor) -> Tensor:
    first = next(itertools.chain(module.parameters(), module.buffers()), None)
    # chains ask at every step: mostly the first says that there is nothing to do
    if first is None or first.dtype == rows.dtype or not rows.is_floating_point():
        return rows
    kind = precision_of(module)
    return rows if kind is None else rows.to(kind)


def _takes_x(function: Callable[..., Any]) -> bool:
    """Whether a second argument may be x: not one that has a setting of its own by default."""
    asked = function.forward if isinstance(function, nn.Module) else function
    try:
        given = list(inspect.signature(asked).parameters.values())
    except (TypeError, ValueError):
        # compiled, or built in: nobody knows
        return True
    if any(each.kind is each.VAR_POSITIONAL for each in given):
        return True
    places = [e for e in given if e.kind in (e.POSITIONAL_ONLY, e.POSITIONAL_OR_KEYWORD)]
    if len(places) < 2:
        return False
    second = places[1]
    return second.default is second.empty or second.name == "x"
