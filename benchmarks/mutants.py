"""Whether the tests see likely mistakes: each is made in a copy of the code, and tests are run.

python benchmarks/mutants.py [--only PATTERN] [--list] [--jobs 2] [--limit 120]

The lists are in benchmarks/mutants: which text of which file becomes which other, and the tests
that should fail for it (a few, named narrowly, so that a mutant costs seconds). These tests are
first run on the code as it is. Exit status 1 if a mutant survives, if its text is no longer there,
or if tests cannot be run, so that the lists stay true.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LISTS = ROOT / "benchmarks" / "mutants"
PASSED, FAILED = 0, 1


def listed(pattern):
    """All mutants, or those whose file or text contains a pattern."""
    found = []
    for path in sorted(LISTS.glob("*.json")):
        found += json.loads(path.read_text(encoding="utf-8"))
    return [m for m in found if any(pattern in m[part] for part in ("file", "old", "new"))]


def run_tests(source, tests, limit):
    """Exit status of pytest with the package in a folder (None: too long), and what it said."""
    environment = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    # the package could come from elsewhere, where it is installed
    start = (
        "import sys, thalweg, pytest; assert thalweg.__file__.startswith(sys.argv[1]); "
        "sys.exit(pytest.main(['-x', '-q', *sys.argv[2:]]))"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", start, str(source), *tests],
            cwd=ROOT, env=environment, timeout=limit, capture_output=True, text=True, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout + done.stderr


def copied(folder):
    """The sources, with what was compiled of them: only what is changed is compiled anew."""
    source = pathlib.Path(folder) / "src"
    shutil.copytree(ROOT / "src", source)
    return source


def verdict(mutant, limit):
    """ "killed", "survived" or what is wrong with the mutant."""
    with tempfile.TemporaryDirectory() as folder:
        source = copied(folder)
        path = source / "thalweg" / mutant["file"]
        if not path.exists():
            return "no such file"
        text = path.read_text(encoding="utf-8")
        if text.count(mutant["old"]) != 1:
            return f"its text is there {text.count(mutant['old'])} times; expected once"
        path.write_text(text.replace(mutant["old"], mutant["new"]), encoding="utf-8")
        if mutant["file"].startswith("kernels/"):
            # a compiled caller holds what it called
            for compiled in source.rglob("*.nb[ci]"):
                compiled.unlink()
        status, said = run_tests(source, mutant["tests"], limit)
    if status == PASSED:
        return "survived"
    return "killed" if status in (FAILED, None) else f"tests do not run:\n{said[-1500:]}"


def described(mutant):
    old, new = (" ".join(mutant[part].split()) for part in ("old", "new"))
    return f"{mutant['file']}: {old}  ->  {new or '(nothing)'}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="mutants whose file or text has this in it")
    parser.add_argument("--list", action="store_true", help="show them, run nothing")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=float, default=120, help="seconds for a mutant's tests")
    options = parser.parse_args()
    mutants = listed(options.only)
    if options.list:
        print("\n".join(described(mutant) for mutant in mutants))
        print(f"{len(mutants)} mutants")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        every = sorted({test for mutant in mutants for test in mutant["tests"]})
        status, said = run_tests(copied(folder), every, None)
    if status != PASSED:
        print(f"{said[-3000:]}\nthe tests fail, or cannot be run, without any mutant")
        return 1

    def timed(mutant):
        start = time.perf_counter()
        return mutant, verdict(mutant, options.limit), time.perf_counter() - start

    rooms = collections.defaultdict(collections.Counter)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for mutant, found, seconds in pool.map(timed, mutants):
            rooms[mutant["file"].split("/")[0]][found == "killed"] += 1
            print(f"{seconds:5.1f} s  {found.upper() if found != 'killed' else found}  "
                  f"{described(mutant)}", flush=True)  # fmt: skip
    for room, counts in sorted(rooms.items()):
        print(f"{room}: {counts[True]} of {counts.total()} killed")
    killed = sum(counts[True] for counts in rooms.values())
    print(f"{killed} of {len(mutants)} killed")
    return 0 if killed == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main())
