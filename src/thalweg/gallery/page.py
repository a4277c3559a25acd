"""What a page of the lecture calls: how it was asked for, where its figure goes, a surface."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from thalweg.core import EnergyFunction, InputError, as_energy, check_rows
from thalweg.plots import draw_change, draw_landscape, save_figure
from thalweg.questions import Landscape, Plane, landscape

QUICK = "--quick"


def quick() -> bool:
    """Whether this page was asked for in little time: fewer steps, a rougher figure."""
    _file()  # before the work, not after it
    return QUICK in sys.argv[1:]


def save(drawn: Figure) -> None:
    """Write this page's figure to the file that was named, or to a PNG of the script's name.

    Raises
    ------
    InputError
        If the command line has more than a file and ``--quick``.
    """
    file = _file()
    for axes in drawn.axes:
        axes.title.set_fontsize(10)
    save_figure(drawn, file)


def _file() -> str:
    named = [word for word in sys.argv[1:] if word != QUICK]
    if len(named) > 1 or any(word.startswith("-") for word in named):
        raise InputError(f"{sys.argv[0]}: {' '.join(named)}; expected [FILE] [{QUICK}]")
    return named[0] if named else Path(sys.argv[0]).with_suffix(".png").name


def surface(
    axes: Axes,
    energy: EnergyFunction,
    reach: float | tuple[float, float],
    data: Tensor | None = None,
    title: str = "",
    top: float | None = None,
    resolution: int = 150,
) -> None:
    """Draw an energy of the plane, from -reach to reach, with equal axes.

    Parameters
    ----------
    axes : Axes
    energy : Energy, or a function
        Of rows (n, 2).
    reach : float or pair of float
        Half the width, and half the height if it is another.
    data : Tensor (n, 2), optional
    title : str
    top : float, optional
        Energies further than this above the lowest share its colour: what is far from the data
        would take all colours else.
    resolution : int, default 150
        Points a side.
    """
    if data is not None:
        check_rows("surface: data", data)
        if data.dim() != 2 or data.shape[1] != 2:
            raise InputError(f"surface: data have shape {tuple(data.shape)}; expected (n, 2)")
    a, b = (reach, reach) if isinstance(reach, (int, float)) else reach
    drawn = _over(energy, a, b, resolution)
    heights = drawn.energy.cpu()
    if top is not None:
        heights = heights.clamp(max=float(heights.min()) + top)
    draw_landscape(
        axes, drawn.a.cpu(), drawn.b.cpu(), heights.numpy(),
        None if data is None else data.numpy(), title=title,
    )  # fmt: skip
    axes.set(xlim=(-a, a), ylim=(-b, b), aspect="equal", xlabel="y1", ylabel="y2")


def change(axes: Axes, added: EnergyFunction, reach: float, title: str = "") -> None:
    """Draw what is added to an energy of the plane, from -reach to reach: red is up, blue down."""
    drawn = _over(added, reach, reach, 100)
    draw_change(axes, drawn.a.cpu(), drawn.b.cpu(), drawn.energy.cpu().numpy(), title)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")


def _over(energy: EnergyFunction, a: float, b: float, resolution: int) -> Landscape:
    like = next(iter(as_energy(energy).state_dict().values()), torch.empty(0))
    plane = Plane(torch.zeros(2).to(like), torch.eye(2).to(like))
    return landscape(energy, plane, (-a, -b), (a, b), resolution)
