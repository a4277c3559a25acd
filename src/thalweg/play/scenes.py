"""What there is to shape an energy on: points of the plane."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from thalweg.core import InputError
from thalweg.data import toy
from thalweg.data.columns import read_table

ROWS = 1000
MOST = 20_000
"""Points drawn by hand, or rows of a table, that a scene may have"""

MARGIN = 0.3
"""Of the data's reach, that is shown around them"""

TOYS: dict[str, tuple[str, Callable[[int, torch.Generator], Tensor]]] = {
    "two_moons": ("two moons", toy.two_moons),
    "spiral": ("spiral", toy.spiral),
    "eight_gaussians": ("eight wells", toy.eight_gaussians),
    "checkerboard": ("checkerboard", toy.checkerboard),
    "rings": ("rings", toy.rings),
    "two_spirals": ("two spirals", toy.two_spirals),
    "pinwheel": ("pinwheel", toy.pinwheel),
}


class Scene(NamedTuple):
    """Data, and what of the plane is looked at."""

    rows: Tensor
    """(n, 2), float32"""
    low: tuple[float, float]
    high: tuple[float, float]
    source: str
    """Python that makes ``rows``"""
    names: tuple[str, str] = ("y1", "y2")

    def anywhere(self, count: int, generator: torch.Generator) -> Tensor:
        """Random points of it: (count, 2)."""
        low, high = torch.tensor(self.low), torch.tensor(self.high)
        return low + (high - low) * torch.rand(count, 2, generator=generator)

    def grid(self, resolution: int) -> Tensor:
        """Points of a lattice over the scene, rows from below: (resolution^2, 2)."""
        axes = [torch.linspace(a, b, resolution) for a, b in zip(self.low, self.high, strict=True)]
        across, up = torch.meshgrid(*axes, indexing="xy")
        return torch.stack([across.reshape(-1), up.reshape(-1)], dim=1)


def toy_scene(name: str, seed: int = 0) -> Scene:
    """One of the made-up data sets."""
    if name not in TOYS:
        raise InputError(f"scene: {name!r}; expected one of {', '.join(TOYS)}")
    rows = TOYS[name][1](ROWS, torch.Generator().manual_seed(seed))
    source = (
        "import torch\n"
        f"from thalweg.data import {name}\n\n"
        f"rows = {name}({ROWS}, torch.Generator().manual_seed({seed}))"
    )
    return _around(rows, source)


def drawn_scene(points: ArrayLike) -> Scene:
    """Points that somebody drew."""
    rows = _rows("drawn points", points)
    listed = ", ".join(f"[{a:.3f}, {b:.3f}]" for a, b in rows.tolist())
    # what is learned from is what the script says
    rows = torch.tensor([[round(a, 3), round(b, 3)] for a, b in rows.tolist()])
    return _around(rows, f"import torch\n\nrows = torch.tensor([{listed}])", square=True)


def table_scene(points: ArrayLike, file: str, names: tuple[str, str]) -> Scene:
    """Two columns of a table, in units of their own, so that neither is flat."""
    rows = _rows(f"{names[0]}, {names[1]}", points)
    spread = rows.double().std(dim=0)
    if not bool((spread > 0).all()):
        flat = names[int((spread <= 0).nonzero()[0])]
        raise InputError(f"column {flat!r} has one value; expected two columns that vary")
    rows = ((rows.double() - rows.double().mean(dim=0)) / spread).float()
    source = (
        "import thalweg\n"
        "import torch\n\n"
        f"table = thalweg.read_table({file!r})\n"
        "schema = table.schema()\n"
        f"places = [schema.places(name)[0] for name in {list(names)!r}]\n"
        f"cells = torch.from_numpy(table.encoded(schema)[0][:{MOST}, places]).double()\n"
        "cells = cells[~cells.isnan().any(dim=1)]\n"
        "rows = ((cells - cells.mean(dim=0)) / cells.std(dim=0)).float()"
    )
    return _around(rows, source, names=names)


def numbers_of(text: str) -> dict[str, NDArray[np.floating]]:
    """The columns of numbers of a table in text, read as any file is; NaN is missing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_text(text, encoding="utf-8")
        table = read_table(path)
        schema = table.schema()
        cells, _ = table.encoded(schema)
    spans = [(column, place) for column, place in schema.spans if column.kind == "number"]
    if len(spans) < 2:
        raise InputError(f"table: {schema.counted()}; expected at least two columns of numbers")
    return {column.name: cells[:MOST, place.start] for column, place in spans}


def _rows(what: str, points: ArrayLike) -> Tensor:
    try:
        given: NDArray[np.float64] = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: {error}; expected pairs of numbers") from error
    if given.ndim != 2 or given.shape[1] != 2 or not 3 <= len(given) <= MOST:
        raise InputError(f"{what}: shape {given.shape}; expected from 3 to {MOST} points (n, 2)")
    if not np.isfinite(given).all():
        raise InputError(f"{what}: a number is not finite; expected finite ones")
    return torch.from_numpy(given).float()


def _around(
    rows: Tensor, source: str, names: tuple[str, str] = ("y1", "y2"), square: bool = False
) -> Scene:
    """A square around the data, with a margin."""
    low, high = rows.min(dim=0).values, rows.max(dim=0).values
    if square:
        # a sheet to draw on, which does not move under the pen
        return Scene(rows, (-2.0, -2.0), (2.0, 2.0), source, names)
    middle, half = (low + high) / 2, float((high - low).max()) * (0.5 + MARGIN)
    a, b = (middle - half).tolist(), (middle + half).tolist()
    return Scene(rows, (a[0], a[1]), (b[0], b[1]), source, names)
