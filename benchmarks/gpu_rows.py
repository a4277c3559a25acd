"""What a row of the benchmark for a GPU is, how two answers are held together, how time is taken.

Two answers agree within float32 when the device is about as far from double precision as the CPU
is: both are held against the same computation in double precision on the CPU, and the device's
largest error may be ten times that of the CPU, plus 100 roundings (1.2e-7 each) of the largest
number. So the bound comes from what float32 does to these very numbers. Where noise is drawn, which
is another on each device, means over many draws are held to 5 standard errors of their difference.
"""

import multiprocessing
import queue
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch

EPS = torch.finfo(torch.float32).eps
LARGEST_Z = 5.0
TIMES = 10


class NotRun(Exception):
    """A row that is left out, and why; nobody's fault."""


class Where(NamedTuple):
    """Where and how large."""

    device: torch.device
    quick: bool
    folder: Path
    end: float

    def pick(self, small, large):
        """Sizes for a test of the script, and for a GPU."""
        return small if self.quick else large

    def left(self):
        """Seconds of the budget that are left."""
        return self.end - time.perf_counter()

    def synchronize(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def seeded(self, seed=0):
        """A generator on the device."""
        return torch.Generator(self.device).manual_seed(seed)


@dataclass
class Found:
    """What a row says."""

    fine: bool = True
    ours: float | None = None
    plain: float | None = None
    cpu: float | None = None
    """ours, on the CPU"""
    unit: str = ""
    note: str = ""
    name: str | None = None
    """where a row has several parts"""
    failed: bool = False
    """whether it came to no answer"""

    @property
    def ratio(self):
        """How many times as fast as plain torch."""
        if not self.ours or not self.plain:
            return None
        return self.ours / self.plain if self.unit.endswith("/s") else self.plain / self.ours


class Row(NamedTuple):
    part: str
    name: str
    run: object
    """from a Where to a Found, or a list of them"""


class Check:
    """Several comparisons that make one row."""

    def __init__(self):
        self.fine, self.notes, self.worst = True, [], 0.0

    def held(self, name, found, cpu, exact, slack=0.0, share=1.0):
        """Numbers of the device within float32 of those of the CPU; ``slack`` is relative.

        Where rounding may send a descent into another valley, a ``share`` of them has to be.
        """
        found, cpu, exact = (numbers(each) for each in (found, cpu, exact))
        if found.shape != exact.shape or not torch.equal(found.isfinite(), exact.isfinite()):
            self.broken(f"{name}: {tuple(found.shape)} against {tuple(exact.shape)}, or not finite")
            return
        known = exact.isfinite()
        found, cpu, exact = found[known], cpu[known], exact[known]
        if not len(exact):
            return
        size = float(exact.abs().max())
        far = float((found - exact).abs().quantile(share))
        own = float((cpu - exact).abs().quantile(share))
        allowed = TIMES * own + (100 * EPS + slack) * size + 1e-30
        self.worst = max(self.worst, far / allowed)
        if not far <= allowed:
            self.broken(f"{name}: {far:.1e} apart, {allowed:.1e} allowed (largest {size:.1e})")

    def alike(self, name, one, other):
        """Means of draws (k, m) on the CPU and (k, m) on the device, by their standard errors."""
        one, other = numbers(one), numbers(other)
        if not bool(one.isfinite().all() and other.isfinite().all()):
            self.broken(f"{name}: not finite")
            return
        error = (one.var(dim=0) / len(one) + other.var(dim=0) / len(other)).sqrt()
        floor = 100 * EPS * one.abs().amax(dim=0) + 1e-30
        apart = (one.mean(dim=0) - other.mean(dim=0)).abs()
        z = float((apart / (error + floor)).max())
        self.notes.append(f"z at most {z:.1f}")
        if not z <= LARGEST_Z:
            self.broken(f"{name}: {z:.1f} standard errors apart")

    def that(self, fine, note):
        """Something that has to be so."""
        if not fine:
            self.broken(note)

    def broken(self, note):
        self.fine = False
        self.notes.insert(0, note)

    def found(self):
        used = [f"{self.worst:.2f} of what rounding allows"] if self.worst else []
        return Found(self.fine, note="; ".join([*self.notes, *used]))


def numbers(x):
    """Any array as double precision on the CPU."""
    x = x.detach() if isinstance(x, torch.Tensor) else torch.as_tensor(x)
    return x.cpu().double()


def seconds(where, function, repeat=5):
    """The median time of a call, everything on the device done; the first call does not count."""
    function()
    where.synchronize()
    times = []
    for _ in range(repeat):
        begun = time.perf_counter()
        function()
        where.synchronize()
        times.append(time.perf_counter() - begun)
    return median(times)


def by_turns(where, ours, plain, repeat=5):
    """Median times of two calls, taken by turns; the first of each does not count."""
    times = {ours: [], plain: []}
    for i in range(repeat + 1):
        for each in (ours, plain) if i % 2 else (plain, ours):
            where.synchronize()
            begun = time.perf_counter()
            each()
            where.synchronize()
            times[each].append(time.perf_counter() - begun)
    return tuple(median(times[each][1:]) for each in (ours, plain))


def apart(function, *arguments, limit):
    """What a function yields, in a process of its own that is ended after so many seconds.

    What goes wrong there, a graph that cannot be captured or a compiler that takes its time, leaves
    this process as it was. Returns the list, and what stopped it before its end, if anything.
    """
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_send, args=(results, function, arguments))
    process.start()
    found, end = [], time.perf_counter() + limit
    trouble = f"ended after {limit:.0f} s"
    while time.perf_counter() < end:
        try:
            kind, item = results.get(timeout=0.5)
        except queue.Empty:
            if process.is_alive():
                continue
            trouble = f"its process ended with {process.exitcode}"
            break
        if kind == "item":
            found.append(item)
            continue
        trouble = item
        break
    process.join(0 if trouble and trouble.startswith("ended") else 5)
    for end_it in (process.terminate, process.kill):
        if process.is_alive():
            end_it()
            process.join(5)
    return found, trouble


def _send(results, function, arguments):
    try:
        for item in function(*arguments):
            results.put(("item", item))
        results.put(("end", None))
    except BaseException as error:
        results.put(("end", in_short(error)))
        raise


def in_short(error):
    """The kind of an exception and the first line of what it says."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:160]}"
