"""Rows shared out to threads.

The kernels release the interpreter's lock, so plain Python threads run them side by side. A row's
result does not depend on which thread computed it, and sums are taken in row order, so every
result is the same, to the bit, for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

import torch


def over_blocks(function: Callable[[int, int], None], n: int, multiple: int = 1) -> None:
    """Call ``function(start, stop)`` on consecutive blocks of ``range(n)``, in several threads.

    Blocks start at multiples of ``multiple``, four or fewer to a thread: calling a kernel takes
    some ten microseconds. As many threads as ``torch.get_num_threads()``, the caller's own among
    them; an exception in one of them is raised here. Threads are made anew for each call (about
    50 microseconds): a standing pool would not survive a fork.
    """
    threads = torch.get_num_threads()
    block = multiple * -(-n // (4 * threads * multiple))
    starts = iter(range(0, n, block))
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for start in starts:
                function(start, min(start + block, n))
        except BaseException as failure:  # noqa: BLE001 - raised again below, in the caller
            failures.append(failure)

    helpers = [Thread(target=work) for _ in range(min(threads, -(-n // block)) - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if failures:
        raise failures[0]
