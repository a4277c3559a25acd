"""Expectation maximization beside scikit-learn, from the same start.

python benchmarks/mixture_speed.py [--repeat 3]
"""

import argparse
import platform
import statistics
import time
import warnings

import numpy as np
import torch
from sklearn.mixture import GaussianMixture as ScikitLearn

from thalweg.estimators import GaussianMixture

# rows, columns, components, type
CELLS = [(100_000, 16, 20, "full"), (100_000, 16, 20, "diag"), (50_000, 32, 10, "full")]
ITERATIONS = 50


def blobs(n, d, k):
    random = np.random.default_rng(0)
    mixing = random.normal(size=(k, d, d)) / np.sqrt(d)
    which = random.integers(k, size=n)
    y = np.einsum("nij,nj->ni", mixing[which], random.normal(size=(n, d)))
    return y + 1.5 * random.normal(size=(k, d))[which]


def timed(function, repeat):
    times, result = [], None
    for _ in range(repeat):
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = function()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, float64, {ITERATIONS} "
          "iterations, seconds (medians)\n")  # fmt: skip
    print("| data | thalweg | scikit-learn | times faster | log-likelihood, relative difference |"
          "\n|---|---|---|---|---|")  # fmt: skip
    for n, d, k, kind in CELLS:
        X = blobs(n, d, k)
        start = {
            "n_components": k, "covariance_type": kind, "tol": 0.0, "max_iter": ITERATIONS,
            "weights_init": np.full(k, 1 / k), "means_init": X[:k],
            "precisions_init": np.tile(np.eye(d), (k, 1, 1)) if kind == "full" else np.ones((k, d)),
            "random_state": 0, "init_params": "random",
        }  # fmt: skip
        ours, model = timed(lambda s=start, X=X: GaussianMixture(**s).fit(X), options.repeat)
        theirs, other = timed(lambda s=start, X=X: ScikitLearn(**s).fit(X), options.repeat)
        difference = model.score(X) / other.score(X) - 1
        print(f"| {n:,} x {d}, {k} {kind} | {ours:.2f} | {theirs:.2f} | {theirs / ours:.2f} | "
              f"{difference:+.1e} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
