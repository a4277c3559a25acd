"""The lecture's figures: one script a page, here what runs them and what they call.

A page is a script of ``examples/lecture`` (in an installed package, of ``thalweg/lecture``): its
first docstring has a title, underlined, and what the figure shows; run as ``python PAGE.py [FILE]
[--quick]`` it draws one figure.
"""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from thalweg.core import EnergyFunction, InputError, as_energy, check_rows, progress
from thalweg.plots import draw_landscape, save_figure
from thalweg.questions import Plane, landscape

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
    like = next(iter(as_energy(energy).state_dict().values()), torch.empty(0))
    plane = Plane(torch.zeros(2).to(like), torch.eye(2).to(like))
    drawn = landscape(energy, plane, (-a, -b), (a, b), resolution)
    heights = drawn.energy.cpu()
    if top is not None:
        heights = heights.clamp(max=float(heights.min()) + top)
    draw_landscape(
        axes, drawn.a.cpu(), drawn.b.cpu(), heights.numpy(),
        None if data is None else data.numpy(), title=title,
    )  # fmt: skip
    axes.set(xlim=(-a, a), ylim=(-b, b), aspect="equal", xlabel="y1", ylabel="y2")


class Page(NamedTuple):
    """A script of the lecture."""

    name: str
    """Without the number that orders pages"""
    title: str
    script: Path


def pages() -> list[Page]:
    """All pages, in order."""
    beside = Path(__file__).with_name("lecture")
    folder = beside if beside.is_dir() else Path(__file__).parents[2] / "examples" / "lecture"
    scripts = sorted(folder.glob("[0-9]*_*.py"))
    return [Page(path.stem.partition("_")[2], _title(path), path) for path in scripts]


def _title(script: Path) -> str:
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or script.stem
    return text.splitlines()[0]


def draw(folder: Path, names: Sequence[str] = (), brief: bool = False, shown: bool = True) -> int:
    """Run pages, each in a process of its own, and keep their figures as NAME.png in a folder.

    Parameters
    ----------
    folder : Path
        Made if need be.
    names : sequence of str
        Which pages; all of them if none is named.
    brief : bool, default False
        In little time.
    shown : bool, default True
        A progress bar on standard error.

    Returns
    -------
    int
        How many were drawn.

    Raises
    ------
    InputError
        If there is no page of a name, the folder is a file, or a script stops without its figure
        (the others are drawn first).
    """
    chosen = _chosen(names)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; expected a folder, or a name for a new one")
    folder.mkdir(parents=True, exist_ok=True)
    # pages side by side, so that each core has one
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    together = min(cores or 1, len(chosen))
    threads = max(1, (cores or 1) // together)
    failed = []
    with (
        progress("lecture", len(chosen), shown) as follow,
        ThreadPoolExecutor(together) as pool,
    ):
        runs = {pool.submit(_run, page, folder, brief, threads): page for page in chosen}
        try:
            for done, run in enumerate(as_completed(runs), start=1):
                follow(done, runs[run].name)
                if (trouble := run.result()) is not None:
                    failed.append(f"{runs[run].name}: {trouble}")
        except BaseException:
            # whoever stops this does not want the pages that have not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if failed:
        raise InputError(
            f"lecture: {len(failed)} of {len(chosen)} pages have no figure. " + "; ".join(failed)
        )
    return len(chosen)


def _chosen(names: Sequence[str]) -> list[Page]:
    every = pages()
    if not every:
        raise InputError("lecture: the scripts of its pages are not installed")
    # as the page is called, or its file
    known = {word: page.name for page in every for word in (page.name, page.script.stem)}
    asked = [name.lower().replace("-", "_").removesuffix(".py") for name in names]
    for name, word in zip(names, asked, strict=True):
        if word not in known:
            raise InputError(
                f"lecture: there is no page {name!r}; expected one of "
                + ", ".join(page.name for page in every)
            )
    wanted = {known[word] for word in asked}
    return [page for page in every if not names or page.name in wanted]


def _run(page: Page, folder: Path, brief: bool, threads: int) -> str | None:
    """Draw one page; the last line of its error if it stopped."""
    out = (folder / f"{page.name}.png").resolve()
    # what was drawn another time is not this time's
    out.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, str(page.script), str(out), *([QUICK] if brief else [])],
        env={"OMP_NUM_THREADS": str(threads)} | os.environ | {"MPLBACKEND": "Agg"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 0 and out.is_file():
        return None
    if done.returncode < 0:
        return f"it was stopped by {signal.Signals(-done.returncode).name}"
    return (done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"])[-1]
