"""An energy that is being checked, rows to ask it about, and how near numbers have to be."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from thalweg.core.energy import Energy
from thalweg.core.function import name_of


class Checked:
    """An energy, rows to ask it about, and how near numbers have to be."""

    def __init__(self, energy: Energy, rows: Tensor, x: Tensor | None, rtol: float | None) -> None:
        try:
            # that looking does not change what is looked at (running means)
            self.energy = copy.deepcopy(energy)
        except (RuntimeError, TypeError):
            self.energy = energy
        self.name = name_of(self.energy)
        self.y, self.x = rows.detach(), x
        self.plain = rows.dim() == 2 and self.energy.space == "real"
        with torch.no_grad():
            value = self.energy(self.y, x)
        self.eps = torch.finfo(value.dtype).eps if value.is_floating_point() else 1.0
        usual = 1e-6 if self.eps < 1e-10 else 1e-3 if self.eps < 1e-5 else 0.05
        self.rtol = usual if rtol is None else rtol

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
        return f"row {i} has {what} {said_of(one[i])}, and {said_of(other[i])} {otherwise}"


def said_of(number: Tensor) -> str:
    flat = number.flatten()
    text = ", ".join(f"{float(each):.9g}" for each in flat[:4])
    return text if len(flat) == 1 else f"({text}{', ...' if len(flat) > 4 else ''})"


def finest(c: Checked) -> tuple[Energy, bool]:
    """The energy in double precision, if it has one, and whether it has."""
    try:
        twin = copy.deepcopy(c.energy).double()
        with torch.no_grad():
            kind = twin(c.y.double(), None if c.x is None else c.x).dtype
    except (RuntimeError, TypeError):
        # a part of it is of one precision alone
        return c.energy, False
    return (twin, True) if kind == torch.float64 else (c.energy, False)
