"""Square ICA beside FastICA: how well mixed sources are recovered.

python benchmarks/ica.py [--seeds 10]

Half of the sources have heavy tails (Laplace, t with 4 degrees of freedom), half light ones
(uniform, two-valued with noise), mixed by a random matrix. The Amari distance is 0 for a perfect
recovery, whatever the order and the sizes.
"""

import argparse
import time

import numpy as np
from sklearn.decomposition import FastICA

from thalweg.estimators import SquareICA


def amari(transfer):
    size = np.abs(transfer)
    rows = (size / size.max(axis=1, keepdims=True)).sum() - len(size)
    columns = (size / size.max(axis=0, keepdims=True)).sum() - len(size)
    return (rows + columns) / (2 * len(size) * (len(size) - 1))


def sources(n, d, random):
    kinds = (
        lambda: random.laplace(size=n),
        lambda: random.uniform(-1, 1, size=n),
        lambda: random.standard_t(4, size=n),
        lambda: random.choice([-1, 1], size=n) + 0.3 * random.normal(size=n),
    )
    return np.stack([kinds[i % 4]() for i in range(d)], axis=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    print("| rows x sources | way | Amari distance, mean of seeds | seconds |\n|---|---|---|---|")
    for n, d in ((1_000, 4), (10_000, 8), (50_000, 16)):
        found = {"SquareICA": [], "FastICA": []}
        for seed in range(options.seeds):
            random = np.random.default_rng(seed)
            mixing = random.normal(size=(d, d))
            X = sources(n, d, random) @ mixing
            for name, make in (
                ("SquareICA", lambda s=seed: SquareICA(random_state=s)),
                ("FastICA", lambda s=seed: FastICA(random_state=s, whiten="unit-variance",
                                                   max_iter=1000)),
            ):  # fmt: skip
                start = time.perf_counter()
                model = make().fit(X)
                seconds = time.perf_counter() - start
                found[name].append((amari(mixing @ model.components_.T), seconds))
        for name, rows in found.items():
            distance, seconds = np.mean(rows, axis=0)
            print(f"| {n:,} x {d} | {name} | {distance:.4f} | {seconds:.3f} |", flush=True)


if __name__ == "__main__":
    main()
