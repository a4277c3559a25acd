"""Runs the lecture's pages, each in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from thalweg.core import InputError, progress
from thalweg.gallery.page import QUICK
from thalweg.gallery.scripts import Page, pages


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
            f"lecture: {len(failed)} of {len(chosen)} pages were not drawn. " + "; ".join(failed)
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
    before = _state(out)
    done = subprocess.run(
        [sys.executable, str(page.script), str(out), *([QUICK] if brief else [])],
        env={"OMP_NUM_THREADS": str(threads)} | os.environ | {"MPLBACKEND": "Agg"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    # what was drawn another time stays, and is not this time's
    if done.returncode == 0 and _state(out) not in (None, before):
        return None
    if done.returncode < 0:
        return f"it was stopped by {signal.Signals(-done.returncode).name}"
    return (done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"])[-1]


def _state(file: Path) -> tuple[int, int] | None:
    """What changes when a file is written anew; None where there is none."""
    if not file.is_file():
        return None
    found = file.stat()
    return found.st_ino, found.st_mtime_ns
