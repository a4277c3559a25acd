"""How long the command takes to begin: processor time of whole processes, medians.

The bars are 0.1 s for ``import thalweg``, 0.5 s for ``--help`` and ``--version``, 2.5 s for
``thalweg energy`` of a small table. What torch alone takes stands beside them: nothing that asks a
model can be quicker. Run by ``python benchmarks/startup.py [--runs 5]``.
"""

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

COMMAND = "import sys; from thalweg.cli import main; sys.argv[0] = 'thalweg'; main()"
ROWS = [
    ("python", "nothing at all", "pass", ()),
    ("import", "import thalweg", "import thalweg", ()),
    ("command", "thalweg --version", COMMAND, ("--version",)),
    ("command", "thalweg --help", COMMAND, ("--help",)),
    ("command", "thalweg fit --help", COMMAND, ("fit", "--help")),
    ("command", "thalweg fit kmeans --help", COMMAND, ("fit", "kmeans", "--help")),
    ("import", "import torch (others')", "import torch", ()),
    ("import", "import sklearn.base (others')", "import sklearn.base", ()),
    ("import", "from thalweg.estimators import KMeans",
     "from thalweg.estimators import KMeans", ()),
    ("ask", "thalweg energy, K-means, 344 rows", COMMAND, ("energy", "kmeans.st", "t.csv")),
    ("ask", "thalweg energy, mixture, 344 rows", COMMAND, ("energy", "mixture.st", "t.csv")),
    ("ask", "thalweg complete, PCA, 344 rows", COMMAND, ("complete", "pca.st", "t.csv")),
    ("fit", "thalweg fit kmeans, 344 rows", COMMAND, ("fit", "kmeans", "t.csv", "--out", "k.st")),
]  # fmt: skip
FITTED = {
    "kmeans.st": ("kmeans",),
    "mixture.st": ("gaussian-mixture", "--n-components", "3"),
    "pca.st": ("pca", "--n-components", "2"),
}


def processor_time(code, words, folder):
    """User and system time of a process, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code, *words], cwd=folder, env=environment, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    table = random.normal(size=(344, 4)) @ random.normal(size=(4, 4))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = [",".join(f"{value:.2f}" for value in row) for row in table]
        (folder / "t.csv").write_text("\n".join(["a,b,c,d", *lines]))
        for out, words in FITTED.items():
            processor_time(COMMAND, ("fit", *words, "t.csv", "--out", out), folder)
        print(
            f"{platform.machine()}, Python {platform.python_version()}, medians of {options.runs}"
        )
        print("| what | seconds of processor time |\n|---|---|")
        for _, what, code, words in ROWS:
            taken = [processor_time(code, words, folder) for _ in range(options.runs)]
            print(f"| {what} | {statistics.median(taken):.2f} |", flush=True)


if __name__ == "__main__":
    main()
