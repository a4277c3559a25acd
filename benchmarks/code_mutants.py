"""Whether the tests see likely mistakes: each is made in a copy of the code, and tests are run.

python benchmarks/code_mutants.py [--only PATTERN] [--list] [--jobs 2] [--limit 300]

The lists are in benchmarks/code_mutants: which text of which file becomes which other, and the
tests that should fail for it (a few, named narrowly, so that a mutant costs seconds). They are
first run on the code as it is. Exit status 1 if a mutant survives, if its text is no longer there,
or if tests cannot be run, so that the lists stay true.
"""

import argparse
import collections
import json
import multiprocessing
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

os.environ["OMP_NUM_THREADS"] = "1"

# what every test needs is imported once; a mutant's process begins as a copy of this one
import polars  # noqa: F401
import pytest
import sklearn.base  # noqa: F401
import torch  # noqa: F401

ROOT = pathlib.Path(__file__).resolve().parent.parent
LISTS = ROOT / "benchmarks" / "code_mutants"
PASSED, FAILED = 0, 1


def listed(pattern):
    """All mutants, or those whose file or text contains a pattern."""
    found = []
    for path in sorted(LISTS.glob("*.json")):
        found += json.loads(path.read_text(encoding="utf-8"))
    return [m for m in found if any(pattern in m[part] for part in ("file", "old", "new"))]


class Trial:
    """Tests that run in a process of their own, with a copy of the package."""

    def __init__(self, tests, limit, mutant=None):
        self.mutant, self.start, self.limit = mutant, time.perf_counter(), limit
        self.folder = tempfile.TemporaryDirectory()
        self.source = pathlib.Path(self.folder.name) / "src"
        # with what was compiled: only what is changed is compiled anew
        shutil.copytree(ROOT / "src", self.source)
        self.trouble = "" if mutant is None else self._change(mutant)
        self.process = multiprocessing.get_context("fork").Process(target=self._run, args=(tests,))
        if not self.trouble:
            self.process.start()

    def _change(self, mutant):
        path = self.source / "thalweg" / mutant["file"]
        if not path.exists():
            return "no such file"
        text = path.read_text(encoding="utf-8")
        if text.count(mutant["old"]) != 1:
            return f"its text is there {text.count(mutant['old'])} times; expected once"
        path.write_text(text.replace(mutant["old"], mutant["new"]), encoding="utf-8")
        # two texts of one length, written in one second, are the same to whoever compiled the first
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()
        if mutant["file"].startswith("kernels/"):
            # a compiled caller holds what it called
            for compiled in self.source.rglob("*.nb[ci]"):
                compiled.unlink()
        return ""

    def _run(self, tests):
        os.setsid()
        os.chdir(ROOT)
        os.environ["PYTHONPATH"] = str(self.source)
        sys.path.insert(0, str(self.source))
        said = os.open(self.source.parent / "said", os.O_WRONLY | os.O_CREAT)
        os.dup2(said, 1)
        os.dup2(said, 2)
        import thalweg

        # it could come from elsewhere, where it is installed
        assert str(self.source) in thalweg.__file__
        status = pytest.main(["-x", "-q", *tests])
        sys.stdout.flush()
        os._exit(int(status))

    def ended(self):
        """Whether it has; one that takes too long is made to."""
        late = self.limit is not None and time.perf_counter() - self.start > self.limit
        if not self.trouble and self.process.is_alive():
            if not late:
                return False
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.join()
            self.trouble = f"not done after {self.limit:g} s"
        self.seconds = time.perf_counter() - self.start
        return True

    def outcome(self):
        """What became of the mutant, or what is wrong with it; the copy is taken away."""
        with self.folder:
            if self.trouble:
                return self.trouble
            status = self.process.exitcode
            # a process that crashed has seen it too
            if status == FAILED or status < 0:
                return "killed"
            if status == PASSED:
                return "survived"
            said = (self.source.parent / "said").read_text(encoding="utf-8", errors="replace")
            return f"tests do not run (status {status}):\n{said[-1500:]}"


def trials(mutants, jobs, limit):
    """Every mutant's trial, as they end, so many at a time."""
    waiting, running = list(reversed(mutants)), []
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running.append(Trial(mutant["tests"], limit, mutant))
        time.sleep(0.02)
        for trial in [trial for trial in running if trial.ended()]:
            running.remove(trial)
            yield trial


def described(mutant):
    old, new = (" ".join(mutant[part].split()) for part in ("old", "new"))
    return f"{mutant['file']}: {old}  ->  {new or '(nothing)'}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="mutants whose file or text has this in it")
    parser.add_argument("--list", action="store_true", help="show them, run nothing")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=float, default=300, help="seconds for a mutant's tests")
    options = parser.parse_args()
    mutants = listed(options.only)
    if options.list:
        print("\n".join(described(mutant) for mutant in mutants))
        print(f"{len(mutants)} mutants")
        return 0
    whole = Trial(sorted({test for mutant in mutants for test in mutant["tests"]}), None)
    whole.process.join()
    if whole.process.exitcode != PASSED:
        print((whole.source.parent / "said").read_text(encoding="utf-8")[-3000:])
        print("the tests fail, or cannot be run, without any mutant")
        return 1
    rooms = collections.defaultdict(collections.Counter)
    for trial in trials(mutants, options.jobs, options.limit):
        found = trial.outcome()
        rooms[trial.mutant["file"].split("/")[0]][found == "killed"] += 1
        word = found if found == "killed" else found.upper()
        print(f"{trial.seconds:5.1f} s  {word}  {described(trial.mutant)}", flush=True)
    for room, counts in sorted(rooms.items()):
        print(f"{room}: {counts[True]} of {counts.total()} killed")
    killed = sum(counts[True] for counts in rooms.values())
    print(f"{killed} of {len(mutants)} killed")
    return 0 if killed == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main())
