"""The process that loads mutants for ``campaign_models.py``, one a line of its standard input."""

import json
import os
import resource
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from mutant_models import questions, save_all
from mutants import mutate

import thalweg
from thalweg.core import InputError

SLACK = 64 * 2**20
"""Bytes that loading may take whatever the size of the file"""

ASKING = 2**30
"""The same for asking"""


def size_of(path):
    """Bytes of a file or of the regular files of a folder."""
    files = path.iterdir() if path.is_dir() else (path,)
    return sum(each.stat().st_size for each in files if each.is_file() and not each.is_symlink())


def allow(more):
    """Let memory grow by so many bytes from now on."""
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + more, resource.RLIM_INFINITY))


def tried(path):
    """What became of a mutant, and what was said of it."""
    allow(10 * size_of(path) + SLACK)
    found, said, model = _attempted(lambda: thalweg.load(path))
    if found != "answered":
        return ("memory" if "memory" in said else found), f"loading: {said}"
    allow(ASKING)
    found, said, spoiled = _attempted(lambda: _not_finite(model))
    if found == "answered" and spoiled:
        return "not finite", spoiled
    return ("refused when asked" if found == "refused" else found), said


def _attempted(work):
    """How some work ended, what was said, and its result."""
    try:
        return "answered", "", work()
    except InputError as error:
        return "refused", _said(error), None
    except MemoryError as error:
        return "memory", _said(error), None
    except Exception as error:  # noqa: BLE001 (the worst is counted, too)
        return "other error", _said(error), None


def _not_finite(model):
    """The first answer that is no finite number; "" if all are."""
    for asked, answer in questions(model):
        values = np.asarray(answer, dtype=float)
        # a row that is out of reach has an energy of inf
        good = np.isfinite(values) | ((values == np.inf) & (asked == "energy"))
        if not good.all():
            return f"{asked}: {values[~good].ravel()[0]}"
    return ""


def _said(error):
    line = str(error)
    if isinstance(error, InputError) and "\n" in line:
        return f"more than a line: {line}"
    return f"{type(error).__name__}: {line}"[:300]


def serve(folder, seed):
    """Answer each line, a model's name and a number, with a line."""
    place = folder / "mutant"
    for line in sys.stdin:
        name, number = line.split()
        allow(2**33)
        for left in (place / each for each in (os.listdir(place) if place.is_dir() else ())):
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        place.mkdir(exist_ok=True)
        source = folder / name
        done = mutate(source, place / source.name, seed * 1_000_003 + int(number))
        if name.startswith("checkpoints"):
            from mutant_runs import resumed

            kind, said = resumed(place / source.name)
        else:
            kind, said = tried(place / source.name)
        print(json.dumps([kind, f"{done}: {said}"]), flush=True)


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    if sys.argv[2] == "save":
        (folder / "models").mkdir()
        save_all(folder / "models")
        if sys.argv[3] == "1":
            from mutant_runs import save_runs

            save_runs(folder / "checkpoints")
        return
    # what is imported late is imported now, so that memory is that of the mutants
    for path in sorted((folder / "models").iterdir()):
        for _ in questions(thalweg.load(path)):
            pass
    print("ready", flush=True)
    serve(folder, int(sys.argv[2]))


if __name__ == "__main__":
    main()
