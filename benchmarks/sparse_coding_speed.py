"""Sparse coding beside SPAMS and scikit-learn: the lasso, and learning a dictionary.

python benchmarks/sparse_coding_speed.py [--repeat 3] [--skip-learning]

Whitened 8 x 8 patches of scikit-learn's china.jpg, 256 atoms, the penalty set for about 11
nonzeros. All solve the same lasso from the same dictionary; the objective is that of the means.
"""

import argparse
import platform
import statistics
import time
import warnings

import numpy as np
import torch
from sklearn.datasets import load_sample_image
from sklearn.decomposition import MiniBatchDictionaryLearning, sparse_encode
from sklearn.feature_extraction.image import extract_patches_2d

from thalweg.estimators import SparseCoding

ATOMS, NONZEROS = 256, 11


def patches(n):
    image = load_sample_image("china.jpg").mean(axis=2) / 255
    rows = extract_patches_2d(image, (8, 8), max_patches=n, random_state=0).reshape(n, -1)
    rows -= rows.mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    white = vectors / np.sqrt(values.clip(0) + 1e-3 * values.max())
    return rows @ white @ vectors.T


def timed(function, repeat):
    times, result = [], None
    function()
    for _ in range(repeat):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def objective(Y, Z, W, alpha):
    return float((0.5 * ((Y - Z @ W) ** 2).sum(1) + alpha * np.abs(Z).sum(1)).mean())


def model_at(W, alpha, **settings):
    model = SparseCoding(len(W), alpha=alpha, dictionary_init=W, max_iter=0, fit_offset=False,
                         **settings)  # fmt: skip
    return model.fit(W)


def penalty_for(Y, W, nonzeros):
    low, high = 1e-3, float(np.abs(Y @ W.T).max())
    for _ in range(30):
        middle = np.sqrt(low * high)
        count = (model_at(W, middle).transform(Y) != 0).sum(1).mean()
        low, high = (middle, high) if count > nonzeros else (low, middle)
    return middle


def lasso_rows(repeat):
    everything = patches(50_000)
    learned = SparseCoding(ATOMS, alpha=1.0, fit_offset=False, max_iter=3, random_state=0)
    W = learned.fit(everything[:20_000]).components_
    alpha = penalty_for(everything[:2000], W, NONZEROS)
    print(f"alpha = {alpha:.3f}\n\n| patches | way | seconds | times ours | nonzeros | objective "
          "minus best |\n|---|---|---|---|---|---|")  # fmt: skip
    for n in (5_000, 50_000):
        Y = everything[:n]
        single = Y.astype(np.float32)
        model, model32 = model_at(W, alpha), model_at(W.astype(np.float32), alpha)
        fista = model_at(W, alpha, solver="fista", solver_iter=3000)
        ways = {
            "thalweg active-set": (lambda m=model, Y=Y: m.transform(Y), repeat),
            "thalweg active-set, float32": (lambda m=model32, Y=single: m.transform(Y), repeat),
        }
        if n == 5_000:
            ways["thalweg fista"] = (lambda m=fista, Y=Y: m.transform(Y), 1)
        try:
            import spams

            columns, atoms = np.asfortranarray(Y.T), np.asfortranarray(W.T)

            def with_spams(columns=columns, atoms=atoms):
                found = spams.lasso(columns, D=atoms, lambda1=alpha, mode=2, numThreads=-1)
                return found

            ways["SPAMS lasso"] = (with_spams, repeat)
        except ImportError:
            print("SPAMS is not installed (pip install spams-bin); left out")
        ways["scikit-learn lasso_cd"] = (
            lambda Y=Y: sparse_encode(Y, W, algorithm="lasso_cd", alpha=alpha, max_iter=2000), 1
        )  # fmt: skip
        found = {}
        for name, (way, times) in ways.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                seconds, codes = timed(way, times)
            codes = codes.toarray().T if hasattr(codes, "toarray") else codes
            found[name] = (seconds, (codes != 0).sum(1).mean(), objective(Y, codes, W, alpha))
        ours = found["thalweg active-set"][0]
        best = min(value for _, _, value in found.values())
        for name, (seconds, nonzeros, value) in found.items():
            print(f"| {n:,} | {name} | {seconds:.3f} | {seconds / ours:.2f} | {nonzeros:.1f} | "
                  f"{value - best:.1e} |", flush=True)  # fmt: skip
    return alpha


def with_gaps(alpha, repeat):
    """Rows that each hide other entries, beside whole ones."""
    everything = patches(20_000)
    W = SparseCoding(ATOMS, alpha=1.0, fit_offset=False, max_iter=3, random_state=0)
    model, rows = model_at(W.fit(everything).components_, alpha), everything[:5000]
    random = np.random.default_rng(0)
    print("\n| share hidden | seconds for 5,000 patches |\n|---|---|")
    for share in (0, 0.01, 0.05, 0.2, 0.5):
        gaps = np.where(random.random(rows.shape) < share, np.nan, rows)
        seconds, _ = timed(lambda gaps=gaps: model.transform(gaps), max(3, repeat))
        print(f"| {share} | {seconds:.3f} |", flush=True)


def amortized(alpha):
    """LISTA beside the same number of steps of ISTA and FISTA, on patches it has not seen."""
    everything = patches(25_000)
    train, test = everything[:20_000], everything[20_000:]
    settings = {"alpha": alpha, "fit_offset": False, "random_state": 0, "max_iter": 2}
    learned = SparseCoding(ATOMS, solver="lista", n_layers=5, **settings).fit(train)
    W = learned.components_
    best = objective(test, model_at(W, alpha).transform(test), W, alpha)
    print(f"\n| codes of 5,000 unseen patches in 5 steps | energy above the minimum ({best:.3f}) | "
          "seconds |\n|---|---|---|")  # fmt: skip
    ways = {"LISTA": learned}
    ways |= {name: model_at(W, alpha, solver=name, solver_iter=5) for name in ("ista", "fista")}
    for name, model in ways.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seconds, codes = timed(lambda m=model: m.transform(test), 3)
        print(f"| {name} | {objective(test, codes, W, alpha) - best:.3f} | {seconds:.3f} |",
              flush=True)  # fmt: skip


def learning(alpha):
    Y = patches(20_000)
    start = time.perf_counter()
    theirs = MiniBatchDictionaryLearning(
        ATOMS, alpha=alpha, batch_size=256, max_iter=5, random_state=0, fit_algorithm="cd",
        transform_algorithm="lasso_cd", tol=0, max_no_improvement=None,
    ).fit(Y)  # fmt: skip
    seconds = time.perf_counter() - start
    W = theirs.components_ / np.linalg.norm(theirs.components_, axis=1, keepdims=True)
    target = objective(Y, model_at(W, alpha).transform(Y), W, alpha)
    print(f"\n| dictionary of 20,000 patches | seconds | objective |\n|---|---|---|\n"
          f"| MiniBatchDictionaryLearning, 5 epochs | {seconds:.2f} | {target:.4f} |")  # fmt: skip
    for epochs in (1, 2, 5):
        start = time.perf_counter()
        ours = SparseCoding(ATOMS, alpha=alpha, fit_offset=False, max_iter=epochs, tol=0.0,
                            random_state=0).fit(Y)  # fmt: skip
        took = time.perf_counter() - start
        reached = objective(Y, ours.transform(Y), ours.components_, alpha)
        print(f"| thalweg, {epochs} epochs | {took:.2f} ({seconds / took:.1f} times faster) | "
              f"{reached:.4f} |", flush=True)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--skip-learning", action="store_true")
    options = parser.parse_args()
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, float64 unless said, medians")
    alpha = lasso_rows(options.repeat)
    if not options.skip_learning:
        learning(alpha)
    with_gaps(alpha, options.repeat)
    amortized(alpha)


if __name__ == "__main__":
    main()
