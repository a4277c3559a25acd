"""Whether every objective trains unattended: all densities of the plane, many seeds, defaults.

python benchmarks/stability.py [--seeds 20] [--objectives NAME,...] [--jobs 2]

A run fails that stops, warns, or ends with data no lower than points uniform over the box (AUROC
of at most 0.6). Printed: for each objective the failures and the range of the AUROC.
"""

import argparse
import multiprocessing
import os
import platform
import warnings

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from thalweg.core import InputError
from thalweg.data import PLANE
from thalweg.estimators import EnergyDensity
from thalweg.objectives.by_name import OBJECTIVES
from thalweg.training import Diverged


def run(job):
    word, name, seed = job
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(1000 + seed)
    rows, test = PLANE[name](10_000, generator), PLANE[name](2000, generator)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            model = EnergyDensity(word, random_state=seed).fit(rows)
        except (Diverged, InputError) as error:
            return word, name, seed, 0.0, f"{type(error).__name__}: {error}"
    low, high = rows.min(0).values, rows.max(0).values
    box = low + (high - low) * torch.rand(2000, 2, generator=generator)
    score = np.nan_to_num(model.energy(torch.cat([test, box])), nan=0.0)
    found = roc_auc_score(np.repeat([0, 1], 2000), score)
    trouble = str(said[0].message) if said else ""
    return word, name, seed, float(found), trouble or ("not learned" if found <= 0.6 else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--objectives", default=",".join(OBJECTIVES))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    print(f"{platform.machine()}, {options.jobs} processes of one thread, torch "
          f"{torch.__version__}, {options.seeds} seeds")  # fmt: skip
    os.environ["OMP_NUM_THREADS"] = "1"
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        for word in options.objectives.split(","):
            jobs = [(word, name, seed) for name in PLANE for seed in range(options.seeds)]
            results = pool.map(run, jobs, chunksize=1)
            bad = [r for r in results if r[4]]
            values = [r[3] for r in results]
            print(f"{word:36} {len(bad)} of {len(results)} failed, AUROC {min(values):.3f} to "
                  f"{max(values):.3f}", flush=True)  # fmt: skip
            for _, name, seed, _, trouble in bad:
                print(f"    {name}, seed {seed}: {trouble[:150]}")


if __name__ == "__main__":
    main()
