"""Rows shared out to threads.

The kernels release the interpreter's lock, so plain Python threads run them side by side. A row's
result does not depend on which thread computed it, and sums are taken in row order, so every
result is the same, to the bit, for any number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

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

    count = min(threads, -(-n // block)) - 1
    if count < 1:
        work()
        return
    if count not in _helpers:
        _helpers[count] = ThreadPoolExecutor(count, thread_name_prefix="thalweg")
    running = [_helpers[count].submit(work) for _ in range(count)]
    work()
    for helper in running:
        helper.result()
