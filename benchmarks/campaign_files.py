"""Bad and odd files, folders, models, numbers and outputs, fed to every verb of the command line.

    python benchmarks/campaign_files.py [--quick | --whole] [--seed 0] [--only WORD] [--show]

Every command runs in a process of its own, forked after the imports, with 20 seconds. It is good
where its status is 0 or 2, nothing is raised to the top, a failure is one line on standard error
that names something the user gave, what was there stays whole and nothing is left behind. Prints a
table and every command that is not good; status 1 if there is one.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"
for _name in ("NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import accelerate  # noqa: E402, F401 - imported once, for all
import numpy as np  # noqa: E402
import torch._dynamo  # noqa: E402, F401
from odd_files import ELSEWHERE, GOOD, make  # noqa: E402

from thalweg.cli import main  # noqa: E402
from thalweg.estimators.registry import ESTIMATORS, command_name, estimator  # noqa: E402
from thalweg.plots import figure  # noqa: E402

LIMIT_S = 20
MEMORY = 8 * 2**30
OLD = b"what was there before\n"

FITS = {
    "kmeans": "--n-clusters 2 --n-init 2",
    "gaussian-mixture": "--n-components 2",
    "pca": "--n-components 1",
    "square-ica": "",
    "sparse-coding": "--n-components 2",
    "glo": "--n-steps 2 --hidden 4 --n-components 2",
    "variational-autoencoder": "--n-steps 2 --hidden 4 --n-components 2",
    "vq-autoencoder": "--n-steps 2 --hidden 4 --n-components 2 --n-codes 2",
    "energy-density": "--n-steps 2 --hidden 4",
    "bernoulli-rbm": "--n-steps 2 --n-components 2",
    "latent-regressor": "--n-steps 2 --hidden 4 --targets b",
    "masked-image-model": "--n-steps 2 --width 16 --depth 1",
    "next-frame": "--n-steps 2 --width 4",
    "masked-language-model": "--epochs 1 --width 16 --layers 1 --vocabulary-size 270",
}
"""Methods that read every kind of data, made small."""

MODELS = ("table.st", "array.st", "images.st", "clips.st", "texts")
VERBS = ("energy", "codes", "complete", "project", "map")

TABLES = ("table.st", *[method for method in FITS if not method.startswith(("masked-", "next-"))])
IMAGES = ("images.st", "masked-image-model", "clips.st", "next-frame")
TEXTS = ("texts", "masked-language-model")
KINDS = {".csv": TABLES, ".parquet": (*TABLES, *TEXTS), ".npy": ("array.st", *TABLES[1:], *IMAGES),
         ".png": IMAGES, ".jpg": IMAGES, ".gif": IMAGES, ".tif": IMAGES, ".txt": TEXTS,
         ".gz": (*TEXTS, *IMAGES)}  # fmt: skip
"""What is likely to be asked about a file, by its ending: methods and models."""

GOOD_DATA = {"rows": "g.npy", "pairs": "g.npy", "images": "gi.npy", "clips": "gc.npy",
             "texts": "g.txt"}  # fmt: skip

NUMBERS = ("-1", "0", "1", "nan", "inf", "-inf", "1e400", "²", "--1", "", " ", "x", "1.5", "None",
           "9" * 20, "9" * 5000, "-" + "9" * 20, "1000000000", "0x10", "1e3", "1_0", ",", "1,2",
           "\udc80")  # fmt: skip


class Case(NamedTuple):
    """One command."""

    group: str
    words: list[str]
    out: str | None = None
    """a file that holds ``OLD`` before, and after a failure"""
    given: tuple[str, ...] = ()
    """what the line on standard error may name"""


class Outcome(NamedTuple):
    """What became of it."""

    status: int | None
    errors: str
    seconds: float
    faults: list[str]


def _apart(work: Callable[[], object]) -> None:
    """Does something in a forked process: threads that polars starts here would be lost later."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    os.waitpid(child, 0)


def good_data(folder: Path) -> None:
    """Data for all kinds of models."""
    rng = np.random.default_rng(0)
    (folder / "g.csv").write_bytes(GOOD)
    np.save(folder / "g.npy", rng.normal(size=(12, 3)))
    np.save(folder / "gi.npy", rng.integers(0, 255, (9, 8, 8)).astype(np.uint8))
    np.save(folder / "gc.npy", rng.integers(0, 255, (2, 12, 8, 8)).astype(np.uint8))
    (folder / "g.txt").write_text("one two three\nfour five\nsix seven\n" * 20)


def models(folder: Path) -> None:
    """Good models, to be asked odd things."""
    for method, data, out in (
        ("gaussian-mixture", "g.csv", "table.st"),
        ("gaussian-mixture", "g.npy", "array.st"),
        ("masked-image-model", "gi.npy", "images.st"),
        ("next-frame", "gc.npy", "clips.st"),
        ("masked-language-model", "g.txt", "texts"),
    ):
        words = ["fit", method, data, "--out", out, *FITS[method].split()]
        outcome = run(Case("models", words), folder)
        if outcome.status != 0:
            raise SystemExit(f"{shlex.join(words)}: {outcome.errors}")


def cases(names: list[str], whole: bool) -> list[Case]:
    """Every command of the campaign: each input to each verb once, or (``whole``) in every way."""
    result = []
    for turn, name in enumerate(names):
        # nothing outside of the folder is written to, whatever a mistake would do there
        inside = not name.startswith(("/", "..")) and not name.startswith("zero.")
        ways = [fits(name), *(asked(name, verb) for verb in VERBS), as_model(name), beside(name),
                *([as_out(name)] if inside else [])]  # fmt: skip
        for i, way in enumerate(ways):
            kind = KINDS.get(os.path.splitext(name)[1], ("",))
            likely = [case for case in way if case.group.split()[-1] in kind] or way
            result.extend(way if whole else [likely[(turn + i) % len(likely)]])
            if i == 0 and not whole:
                result.append(way[turn % len(way)])
    numbers = number_cases()
    return result + (numbers if whole else numbers[::5])


def fits(name: str) -> list[Case]:
    """Learning from it, by every method."""
    result = []
    for method, more in FITS.items():
        out = "new" if method == "masked-language-model" else "old.st"
        # what begins with a dash is no option here
        words = ["fit", method, *more.split(), "--out", out, "--", name]
        if name.endswith(".npy"):
            words = ["0" if word == "b" else word for word in words]
        kept = None if out == "new" else out
        result.append(Case(f"fit {method}", words, kept, (name, "--targets", "standard input")))
    return result


def asked(name: str, verb: str) -> list[Case]:
    """Asking every model about it."""
    result = []
    for model in MODELS if verb not in ("project", "map") else MODELS[:2]:
        pixels = model in ("images.st", "clips.st") and verb == "complete"
        out = "old.png" if verb == "map" else "old.npy" if pixels else "old.csv"
        more = ["--resolution", "5"] if verb == "map" else []
        words = [verb, "--out", out, *more, "--", model, name]
        result.append(Case(f"{verb} {model}", words, out, (name, "standard input")))
    return result


def as_model(name: str) -> list[Case]:
    """Taking it for a model."""
    result = []
    for verb in ("energy", "sample", "map"):
        out = "old.png" if verb == "map" else "old.csv"
        rest = [] if verb == "sample" else ["g.csv"]
        result.append(Case(f"{verb} MODEL", [verb, "--out", out, "--", name, *rest], out, (name,)))
    return result


def beside(name: str) -> list[Case]:
    """Taking it for what is read beside the data."""
    mask = ["complete", "--out", "old.npy", f"--mask={name}", "images.st", "gi.npy"]
    pairs = ["energy", "--out", "old.csv", "--pairs", name, "g.txt", "--", "texts"]
    return [
        Case("complete --mask", mask, "old.npy", (name, "mask")),
        Case("energy --pairs", pairs, "old.csv", (name, "--pairs", "standard input")),
    ]


def as_out(name: str) -> list[Case]:
    """Writing there; what is there already is made anew afterwards."""
    return [
        Case("energy --out", ["energy", "table.st", "g.csv", f"--out={name}"], None,
             (name, "--out")),
        Case("fit --out", ["fit", "kmeans", "g.csv", "--n-clusters=2", f"--out={name}"], None,
             (name, "--out")),
    ]  # fmt: skip


def number_cases() -> list[Case]:
    """Every option of every method, and of every verb, with odd numbers."""
    result = []
    for name in ESTIMATORS:
        kind, method = estimator(name), command_name(name)
        small = FITS.get(method, "--n-steps=2").replace("--targets b", "--targets 0").split()
        words = ["fit", method, GOOD_DATA[kind.about], "--out", "new"]
        result.extend(
            # the last of two is what holds
            Case(f"{method} --*", [*words, *small, f"{_option(parameter)}={value}"], None,
                 (parameter, _option(parameter), "diverged"))
            # a progress bar is what verbose asks for
            for parameter in kind.parameters if parameter != "verbose" for value in NUMBERS
        )  # fmt: skip
    regressor = ["fit", "latent-regressor", "g.npy", "--out", "old.st", "--n-steps", "2"]
    glo = ["fit", "glo", "g.npy", "--out", "old.st", "--n-steps", "2", "--checkpoint", "kept"]
    for value in NUMBERS:
        for model in MODELS[:2] + MODELS[-1:]:
            words = ["sample", model, "--out", "old.csv"]
            result.append(Case("sample -n", [*words, f"-n{value}"], "old.csv", ("n",)))
            seed = [*words, f"--random-state={value}"]
            result.append(Case("sample --random-state", seed, "old.csv", ("random",)))
        words = ["map", "array.st", "g.npy", "--out", "old.png", f"--resolution={value}"]
        result.append(Case("map --resolution", words, "old.png", ("resolution",)))
        words = ["complete", "texts", "g.txt", "--out", "old.csv", f"--top={value}"]
        result.append(Case("complete --top", words, "old.csv", ("top", "MASK")))
        result.append(
            Case("fit --targets", [*regressor, f"--targets={value}"], "old.st", ("targets",))
        )
        result.append(Case("fit --every", [*glo, f"--every={value}"], "old.st", ("every", "kept")))
    return result


def _option(parameter: str) -> str:
    return "--" + parameter.replace("_", "-")


def run(case: Case, folder: Path, limit: float = LIMIT_S) -> Outcome:
    """The command, in a forked process."""
    for name in ("old.csv", "old.npy", "old.png", "old.st"):
        if case.out == name:
            (folder / name).write_bytes(OLD)
    before = _listing(folder)
    with tempfile.TemporaryFile() as errors:
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            _work(case.words, folder, errors.fileno())
        status = _wait(child, start + limit)
        seconds = time.monotonic() - start
        errors.seek(0)
        said = errors.read().decode(errors="backslashreplace")
    faults = _faults(case, folder, status, said, before)
    if case.group != "models":
        _clear(folder, before)
    return Outcome(status, said, seconds, faults)


def _work(words: list[str], folder: Path, errors: int) -> None:
    code = 70
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        os.chdir(folder)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for at, to in ((nowhere, 0), (nowhere, 1), (errors, 2)):
            os.dup2(at, to)
        sys.argv = ["thalweg", *words]
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001 - it is what is looked for
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int, deadline: float) -> int | None:
    pause = 0.001
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, 9)
            os.waitpid(child, 0)
            return None
        time.sleep(pause)
        pause = min(2 * pause, 0.02)


def _faults(case: Case, folder: Path, status: int | None, said: str, before: set[str]) -> list[str]:
    lines = [line for line in said.splitlines() if not line.startswith("thalweg: warning: ")]
    found = []
    if status is None:
        found.append("hang")
    elif status not in (0, 2):
        found.append(f"status {status}")
    if "Traceback" in said:
        found.append("traceback")
    if "mistake in thalweg" in said:
        found.append("mistake")
    if status == 2:
        if len(lines) != 1 or not lines[0].startswith("thalweg: "):
            found.append("lines")
        elif case.given and not any(_as_said(each) in lines[0] for each in case.given):
            found.append("unnamed")
        if case.out and (folder / case.out).read_bytes() != OLD:
            found.append("output lost")
    if status == 0 and lines:
        found.append("words")
    left = _listing(folder) - before
    if status != 0 and left - {"kept"}:
        found.append(f"left {min(left)!r}")
    if any(name.startswith(".") and "." in name[1:] for name in left):
        found.append("temporary file")
    return found


def _as_said(name: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(name.split()))[:200]


def _listing(folder: Path) -> set[str]:
    return set(os.listdir(folder))


def _clear(folder: Path, before: set[str]) -> None:
    for name in _listing(folder) - before:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def outside(folder: Path) -> list[tuple[str, list[str]]]:
    """What needs a shell: streams that are closed, full or of another encoding."""
    command = f"{shlex.quote(sys.executable)} -m thalweg.cli"
    expected = {
        "energy table.st g.csv >/dev/full": 2,
        "energy table.st g.csv >&-": 2,
        "energy table.st g.csv 2>&- >/dev/full": 2,
        "energy table.st g.csv <&-": 0,
        "energy texts - <&-": 2,
        "energy texts - </dev/null": 0,
        "energy table.st g.csv | true; exit ${PIPESTATUS[0]}": 0,
        "--help | true; exit ${PIPESTATUS[0]}": 0,
        "sample table.st -n 200000 | head -1 >/dev/null; exit ${PIPESTATUS[0]}": 0,
        "--help >/dev/full": 2,
    }
    result = []
    for words, status in expected.items():
        done = subprocess.run(["bash", "-c", f"{command} {words}"], cwd=folder, capture_output=True,
                              text=True, check=False, timeout=60)  # fmt: skip
        faults = [] if done.returncode == status else [f"status {done.returncode}, not {status}"]
        silent = status == 0 or "2>&-" in words
        lines = done.stderr.splitlines()
        if len(lines) != (0 if silent else 1):
            faults.append("lines")
        result.append((f"{words}: {done.stderr}", faults))
    return result


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="every tenth command")
    parser.add_argument("--whole", action="store_true", help="in every way: an hour")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="commands that match a regular expression")
    parser.add_argument("--show", action="store_true", help="what every command says")
    return parser.parse_args()


def campaign(given: argparse.Namespace, folder: Path) -> int:
    """Run it all; how many commands are not good."""
    for name in ESTIMATORS:
        estimator(name)
    figure(1, 1)
    _apart(lambda: good_data(folder))
    models(folder)
    there = _listing(folder)
    _apart(lambda: make(folder, given.seed))
    every = cases(sorted({*(_listing(folder) - there), *ELSEWHERE}), given.whole)
    if given.quick:
        every = [every[i] for i in np.random.default_rng(given.seed).permutation(len(every))][::10]
    every = [case for case in every if re.search(given.only, shlex.join(case.words))]
    ran: Counter[str] = Counter()
    good: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    start = time.monotonic()
    for case in every:
        outcome = run(case, folder)
        ran[case.group] += 1
        refused[case.group] += outcome.status == 2
        good[case.group] += not outcome.faults
        kinds.update(re.sub(r"'.*'", "", fault) for fault in outcome.faults)
        if outcome.faults or given.show or outcome.seconds > LIMIT_S / 4:
            said = f"{shlex.join(case.words)[-200:]!r} | {outcome.errors[-300:]!r}"
            print(f"{', '.join(outcome.faults)} | {outcome.seconds:.1f} s | {said}", flush=True)
    bad = sum(ran.values()) - sum(good.values())
    for words, faults in [] if given.only else outside(folder):
        ran["streams"] += 1
        good["streams"] += not faults
        if faults:
            bad += 1
            print(f"{', '.join(faults)} | {words!r}")
    print(f"\n{'':34}{'commands':>10}{'refused':>10}{'good':>10}")
    for group, count in ran.items():
        print(f"{group:34}{count:10}{refused[group]:10}{good[group]:10}")
    print(f"{'all':34}{sum(ran.values()):10}{sum(refused.values()):10}{sum(good.values()):10}")
    print(f"not good: {bad} ({dict(kinds)}); {time.monotonic() - start:.0f} s")
    return bad


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        raise SystemExit(1 if campaign(arguments(), Path(place)) else 0)
