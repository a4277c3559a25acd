"""Compiling an energy where the run is long enough to pay for it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any, TypeVar

import torch
from torch import Tensor

from thalweg.core import Energy, EnergyFunction, value
from thalweg.samplers import Bipartite

WORTH = 180.0
"""Seconds of a run without compilation from which it is compiled by default."""

F = TypeVar("F", bound=Callable[..., Any])

PER_STEP = 20
"""Times that a step takes as long as an evaluation, as a guess."""


class Compiled(Energy):
    """An energy function whose value and gradient run as compiled code.

    One evaluation is compiled, never a loop of them. The first call compiles, for some seconds;
    what was compiled is kept on disk by torch and found again by later processes. Another number of
    rows is compiled anew.

    Parameters
    ----------
    energy_fn : callable
        Of real numbers; a Bipartite energy would lose its conditionals.
    """

    def __init__(self, energy_fn: EnergyFunction) -> None:
        super().__init__()

        def both(y: Tensor) -> tuple[Tensor, Tensor]:
            found = torch.func.vjp(energy_fn, y)
            return found[0], found[1](torch.ones_like(found[0]))[0]

        def alone(y: Tensor) -> Tensor:
            return energy_fn(y)

        with _without_torchs_own_warnings():
            self._value = torch.compile(_anew(alone), dynamic=False)
            self._both = torch.compile(_anew(both), dynamic=False)

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        found: Tensor = self._value(y)
        return found

    @torch.no_grad()
    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        energy, grad = self._both(y)
        return energy, grad


def _anew(function: F) -> F:
    """The function with code of its own.

    Torch compiles the same code a few times at most, and what comes later runs as it is: so the
    ninth energy of a process would.
    """
    code = function.__code__.replace()  # type: ignore[attr-defined]
    made = FunctionType(code, function.__globals__, None, None, function.__closure__)  # type: ignore[attr-defined]
    return made  # type: ignore[return-value]


def compiled_where_it_pays(
    energy_fn: EnergyFunction, y: Tensor, steps: int, wanted: bool | None
) -> EnergyFunction:
    """The energy function for so many steps of chains at y, compiled if wanted or worth it."""
    if wanted is False or isinstance(energy_fn, Bipartite):
        return energy_fn
    short = steps * PER_STEP * _seconds(energy_fn, y) < WORTH
    if wanted is None and (short or not _can_compile()):
        return energy_fn
    compiled = Compiled(energy_fn)
    try:
        compiled.value_and_gradient(y)
    except Exception as error:
        if wanted:
            raise
        warnings.warn(
            f"sample: torch.compile could not compile {type(energy_fn).__name__} "
            f"({type(error).__name__}); it runs as it is. compiled=False does not try.",
            RuntimeWarning,
            stacklevel=4,
        )
        return energy_fn
    return compiled


def _seconds(energy_fn: EnergyFunction, y: Tensor) -> float:
    """Time of an evaluation: the least of four, for the first ones are slow."""
    times = []
    for _ in range(4):
        begun = time.perf_counter()
        # a sum waits for a GPU; not every energy that is sampled has a gradient
        float(value(energy_fn, y).sum())
        times.append(time.perf_counter() - begun)
    return min(times)


@contextmanager
def _without_torchs_own_warnings() -> Iterator[None]:
    """Loading its compiler, torch warns of deprecated parts of itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _can_compile() -> bool:
    """Whether torch finds a compiler here."""
    with _without_torchs_own_warnings():
        from torch._inductor import exc
        from torch._inductor.cpp_builder import get_cpp_compiler

    try:
        get_cpp_compiler()
    except exc.InvalidCxxCompiler:
        return False
    return True
