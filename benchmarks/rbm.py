"""Restricted Boltzmann machines on binary tables: test log-likelihood, beside scikit-learn's.

python benchmarks/rbm.py --data-dir DIR [--tables nltcs,dna,mushrooms,plants] [--n-steps 10000]
                         [--objectives]

With --objectives all objectives for bits on the tables, instead of the default beside
scikit-learn.
The number of hidden units is 23, that of the published figures; learning rate and objective are
the same for all tables. log Z is exact where a layer has 20 units at most (nltcs), else by annealed
importance sampling, for both libraries by the same code. The validation part is not used.
"""

import argparse
import os
import platform
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.neural_network import BernoulliRBM as Theirs

from thalweg.energies import RestrictedBoltzmann
from thalweg.estimators import BernoulliRBM
from thalweg.objectives.by_name import FOR_BOLTZMANN as OBJECTIVES

HIDDEN = 23
PUBLISHED = {"dna": -96.7, "mushrooms": -15.2}


def read(path):
    data = np.load(path)
    return tuple(
        np.unpackbits(data[part], axis=1)[:, : int(data["n_vars"])].astype(np.float32)
        for part in ("train", "test")
    )


def likelihood(model, test):
    found = model.log_normalizer(0, n_steps=10_000, n_runs=256)
    mean = float(model.score_samples(test).mean(dtype=np.float64))
    return mean - found.value, found.standard_error


def as_ours(theirs, train):
    """scikit-learn's machine as one of ours, so that log Z is computed the same way."""
    model = BernoulliRBM(HIDDEN, n_steps=1, random_state=0).fit(train)
    model.energy_ = RestrictedBoltzmann(
        torch.from_numpy(theirs.components_.T.astype(np.float32)),
        torch.from_numpy(theirs.intercept_visible_.astype(np.float32)),
        torch.from_numpy(theirs.intercept_hidden_.astype(np.float32)),
    )
    return model


def objectives(tables, folder, n_steps):
    """Every way to train the same machine."""
    print(
        "| objective | " + " | ".join(tables) + " | seconds |\n|---|" + "---|" * (len(tables) + 1)
    )
    for word in OBJECTIVES:
        cells, seconds = [], 0.0
        for table in tables:
            train, test = read(folder / "debd" / f"{table}.npz")
            if word == "maximum-likelihood" and train.shape[1] > 20:
                cells.append("too many states")
                continue
            begun = time.perf_counter()
            model = BernoulliRBM(HIDDEN, objective=word, n_steps=n_steps, random_state=0)
            model.fit(train)
            seconds += time.perf_counter() - begun
            value, error = likelihood(model, test)
            cells.append(f"{value:.2f} +- {error:.2f}")
        print(f"| {word} | " + " | ".join(cells) + f" | {seconds:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--tables", default="nltcs,dna,mushrooms,plants")
    parser.add_argument("--n-steps", type=int, default=10_000)
    parser.add_argument("--objectives", action="store_true")
    options = parser.parse_args()
    if options.data_dir is None or not (options.data_dir / "debd").is_dir():
        print("skipped: expected --data-dir with the folder debd (binary tables, official splits)")
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}; nats a row")
    tables = options.tables.split(",")
    if options.objectives:
        objectives(tables, options.data_dir, options.n_steps)
        return
    for table in tables:
        train, test = read(options.data_dir / "debd" / f"{table}.npz")
        begun = time.perf_counter()
        mine = BernoulliRBM(HIDDEN, n_steps=options.n_steps, random_state=0).fit(train)
        seconds = time.perf_counter() - begun
        begun = time.perf_counter()
        # as many rows seen, its own learning rate of 0.1 and batches of 10 by default
        epochs = max(1, round(options.n_steps * mine.batch_size / len(train)))
        theirs = Theirs(HIDDEN, batch_size=128, n_iter=epochs, random_state=0).fit(train)
        other = time.perf_counter() - begun
        one, error = likelihood(mine, test)
        two, _ = likelihood(as_ours(theirs, train), test)
        print(f"{table:10} {train.shape[1]:4} columns: thalweg {one:8.2f} +- {error:.2f} "
              f"({seconds:.0f} s), scikit-learn {two:8.2f} ({other:.0f} s), published "
              f"{PUBLISHED.get(table, 'none')}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
