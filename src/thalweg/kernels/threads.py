"""Rows shared out to threads.

The kernels release the interpreter's lock, so plain threads run them side by side. A row's result
does not depend on which thread computed it, and sums are taken in row order, so every result is
the same, to the bit, for any number of threads.

Where torch computes by GNU OpenMP, the threads are its own. Those wait for work at full speed for
some milliseconds after each of torch's operations, and threads of ours beside them would have to
share processors with their waiting: in two threads, kernels then took as long as in one.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import torch

Work = Callable[[], None]

_helpers: dict[int, ThreadPoolExecutor] = {}
"""Standing threads by their number; starting them anew costs more than small work."""

if hasattr(os, "register_at_fork"):
    # threads do not survive a fork; the child makes its own
    os.register_at_fork(after_in_child=_helpers.clear)


def over_blocks(function: Callable[[int, int], None], n: int, multiple: int = 1) -> None:
    """Call ``function(start, stop)`` on consecutive blocks of ``range(n)``, in several threads.

    Blocks start at multiples of ``multiple``, four or fewer to a thread: calling a kernel takes
    some ten microseconds. As many threads as ``torch.get_num_threads()``, the caller's own among
    them; an exception in one of them is raised here.
    """
    threads = torch.get_num_threads()
    block = multiple * max(1, -(-n // (4 * threads * multiple)))
    starts = iter(range(0, n, block))

    def work() -> None:
        for start in starts:
            function(start, min(start + block, n))

    count = min(threads, -(-n // block))
    if count < 2:
        work()
    elif (parallel := _openmp()) is not None:
        _in_team(parallel, work, count)
    else:
        _in_pool(work, count)


def _in_team(parallel: Callable[..., None], work: Work, count: int) -> None:
    """In the threads that torch's operations run in."""
    failed: list[BaseException] = []

    def guarded(_: object) -> None:
        # what a foreign thread raises goes nowhere
        try:
            work()
        except BaseException as error:  # noqa: BLE001  raised again by who called
            failed.append(error)

    parallel(_ROUTINE(guarded), None, count, 0)
    if failed:
        raise failed[0]


def _in_pool(work: Work, count: int) -> None:
    """In threads of our own."""
    if count not in _helpers:
        _helpers[count] = ThreadPoolExecutor(count - 1, thread_name_prefix="thalweg")
    running = [_helpers[count].submit(work) for _ in range(count - 1)]
    work()
    for helper in running:
        helper.result()


_ROUTINE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@cache
def _openmp() -> Callable[..., None] | None:
    """What opens a parallel region of the GNU OpenMP that torch has loaded, where it has one."""
    if not sys.platform.startswith("linux") or "libiomp" in _loaded():
        return None
    beside = sorted(Path(torch.__file__).parent.joinpath("lib").glob("libgomp*"))
    for name in [*map(str, beside), "libgomp.so.1"]:
        try:
            # only if it is there already: another copy would have threads of its own
            library = ctypes.CDLL(name, mode=os.RTLD_NOW | os.RTLD_NOLOAD)
            parallel = library.GOMP_parallel
        except (OSError, AttributeError):
            continue
        parallel.argtypes = [_ROUTINE, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        parallel.restype = None
        return parallel
    return None


def _loaded() -> str:
    """The names of the libraries of this process."""
    try:
        return Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
