"""Saved models that something happened to: a clear error or an answer, never anything else.

python benchmarks/campaign_models.py [--count 10000] [--quick] [--checkpoints 600] [--seed 0]

A tiny model of every kind is saved; mutants of it (bytes turned, headers edited, tensors renamed,
reshaped or spoiled, files of folders gone or links) are loaded and asked everything they answer.
Checkpoints of training are mutated in the same way and resumed from. Worker processes do it, under
limits of time (20 s of a processor) and of memory (ten times the file and 64 MiB, while loading).
One table is printed; the exit status is 1 if anything but a clear error or a finite answer came (an
energy may be inf, that of a row out of reach).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from queue import Empty, Queue

HERE = Path(__file__).parent

LIMIT = 20.0
"""Seconds of a processor that a mutant may take; ten times as many by the clock"""

GOOD = ("refused", "refused when asked", "answered")
BAD = ("not finite", "other error", "crash", "hang", "memory")


class Worker:
    """A process that is told which mutants to try, and is replaced when it dies or hangs."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.words = [sys.executable, str(HERE / "mutant_worker.py"), str(folder), str(seed)]
        self.process: subprocess.Popen[str] | None = None
        self.lines: Queue[str] = Queue()

    def ask(self, job: str) -> tuple[str, str]:
        """What became of a mutant, and what was said of it."""
        if self.process is None:
            self._start()
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(job + "\n")
        self.process.stdin.flush()
        line = self._answer()
        if line is None:
            self.end()
            return "hang", f"more than {LIMIT:g} s"
        if not line:
            status = self.process.wait()
            self.end()
            return "crash", f"status {status}"
        kind, said = json.loads(line)
        return kind, said

    def _answer(self) -> str | None:
        """The next line, or None if it takes too long, however busy the machine is."""
        clock, used = time.monotonic(), self._used()
        while time.monotonic() - clock < 10 * LIMIT and self._used() - used < LIMIT:
            try:
                return self.lines.get(timeout=0.5)
            except Empty:
                continue
        return None

    def _used(self) -> float:
        """Seconds of a processor that the worker has had."""
        assert self.process is not None
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _start(self) -> None:
        self.process = subprocess.Popen(
            self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.lines = Queue()
        threading.Thread(
            target=_follow, args=(self.process.stdout, self.lines), daemon=True
        ).start()
        # it has imported everything
        assert self.lines.get(timeout=300) == "ready\n"

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
        self.process = None


def _follow(stream, lines) -> None:
    for line in stream:
        lines.put(line)
    lines.put("")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="mutants of models")
    parser.add_argument("--checkpoints", type=int, default=0, help="mutants of checkpoints")
    parser.add_argument("--quick", action="store_true", help="300 mutants of models")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="kinds whose names have this in them")
    options = parser.parse_args()
    count = 300 if options.quick else options.count
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        making = [sys.executable, str(HERE / "mutant_worker.py"), str(folder)]
        subprocess.run([*making, "save", str(int(options.checkpoints > 0))], check=True)
        models = sorted(p.name for p in (folder / "models").iterdir() if options.only in p.name)
        runs = [p.name for p in (folder / "checkpoints").iterdir()] if options.checkpoints else []
        jobs = [f"models/{models[i % len(models)]} {i}" for i in range(count if models else 0)]
        jobs += [f"checkpoints/{runs[i % len(runs)]} {i}" for i in range(options.checkpoints)]
        table: dict[str, Counter[str]] = {}
        worker = Worker(folder, options.seed)
        for number, job in enumerate(jobs):
            kind, said = worker.ask(job)
            name = job.split()[0].removesuffix(".safetensors")
            table.setdefault(name, Counter())[kind] += 1
            if kind in BAD:
                print(f"{kind}: {job}: {said}", flush=True)
            elif number % 500 == 499:
                print(f"{number + 1} of {len(jobs)}", file=sys.stderr, flush=True)
        worker.end()
    return _report(table)


def _report(table: dict[str, Counter[str]]) -> int:
    print(f"{'':34}" + "".join(f"{each:>12.12}" for each in ("mutants", *GOOD, *BAD)))
    total: Counter[str] = Counter()
    for name, found in sorted(table.items()):
        total += found
        _row(name, found)
    _row("all", total)
    return int(any(total[each] for each in BAD))


def _row(name: str, found: Counter[str]) -> None:
    numbers = (found.total(), *(found[each] for each in (*GOOD, *BAD)))
    print(f"{name:34.34}" + "".join(f"{each:12d}" for each in numbers))


if __name__ == "__main__":
    sys.exit(main())
