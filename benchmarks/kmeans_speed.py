"""K-means beside scikit-learn and faiss, from the same start, and energy evaluation.

python benchmarks/kmeans_speed.py [--data-dir DIR] [--repeat 5]
DIR holds mnist/mnist.npz; without it the MNIST row is left out, and said so.
"""

import argparse
import platform
import statistics
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.cluster import KMeans as ScikitLearn

from thalweg.estimators import KMeans

# rows, columns, clusters, and a noise that lets neighbouring clusters overlap
CELLS = [(100_000, 2, 50, 0.15), (100_000, 16, 100, 1.0), (50_000, 64, 256, 1.8),
         (50_000, 128, 1000, 2.3)]  # fmt: skip


def blobs(n, d, k, noise):
    random = np.random.default_rng(0)
    centers = random.normal(size=(k, d))
    y = centers[random.integers(k, size=n)] + noise * random.normal(size=(n, d))
    return y.astype(np.float32)


def median_time(function, repeat):
    times, result = [], None
    for _ in range(repeat):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def with_faiss(X, init, iterations):
    import faiss

    index = faiss.Kmeans(X.shape[1], len(init), niter=iterations, max_points_per_centroid=10**9)
    index.train(X, init_centroids=init)
    return index.obj[-1]


def row(name, X, k, repeat):
    random = np.random.default_rng(1)
    init = X[random.choice(len(X), k, replace=False)].copy()
    KMeans(k, init=init).fit(X[: 20 * k])  # compiles, or reads the compiled kernels
    ours, model = median_time(lambda: KMeans(k, init=init).fit(X), repeat)
    lloyd, reference = median_time(lambda: ScikitLearn(k, init=init, n_init=1).fit(X), repeat)
    elkan, _ = median_time(
        lambda: ScikitLearn(k, init=init, n_init=1, algorithm="elkan").fit(X), min(repeat, 3)
    )
    faiss, _ = median_time(lambda: with_faiss(X, init, reference.n_iter_), min(repeat, 3))
    best = min(lloyd, elkan, faiss)
    print(
        f"| {name} | {ours:.3f} | {lloyd:.3f} | {elkan:.3f} | {faiss:.3f} | {best / ours:.2f} | "
        f"{model.n_iter_} / {reference.n_iter_} | {model.inertia_ / reference.inertia_ - 1:+.1e} |",
        flush=True,
    )


def energy_row(repeat):
    X = blobs(100_000, 16, 100, 1.0)
    model = KMeans(100, init=X[:100], max_iter=5).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = ScikitLearn(100, init=X[:100], n_init=1, max_iter=5).fit(X)
    ours, _ = median_time(lambda: model.energy(X), repeat)
    other, _ = median_time(lambda: theirs.transform(X).min(axis=1), repeat)
    print(f"\nenergy, 100,000 x 16, k = 100: {1e3 * ours:.1f} ms; "
          f"scikit-learn transform and minimum: {1e3 * other:.1f} ms")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, float32, seconds (medians)\n")
    print("| data | thalweg | sklearn lloyd | sklearn elkan | faiss | times faster | iterations "
          "(ours / sklearn) | inertia |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    for n, d, k, noise in CELLS:
        row(f"{n:,} x {d}, k = {k}", blobs(n, d, k, noise), k, options.repeat)
    mnist = options.data_dir and options.data_dir / "mnist" / "mnist.npz"
    if mnist and mnist.exists():
        pixels = np.load(mnist)["x_train"].reshape(60_000, -1).astype(np.float32) / 255
        row("MNIST 60,000 x 784, k = 100", pixels, 100, min(options.repeat, 3))
    else:
        print("MNIST left out: --data-dir with mnist/mnist.npz was not given")
    energy_row(options.repeat)


if __name__ == "__main__":
    main()
