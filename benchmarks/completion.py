"""Completion of tables with hidden entries: every estimator beside scikit-learn's imputers.

python benchmarks/completion.py --data-dir DIR [--seeds 3] [--tables airfoil,blood] [--ways "A;B"]

DIR holds imputation/*.csv; without it nothing is measured, and said so. Columns are scaled to 0 ..
1, a fifth of the entries is hidden completely at random, and every way sees the rest alone. Root
mean squared error over the hidden entries, mean over seeds. Where a way of ours has a size to
choose, it is chosen by hiding a tenth of the visible entries once more; networks run at their
defaults. MissForest is IterativeImputer with forests of 50 trees, at most 5 rounds.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.ensemble import RandomForestRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from thalweg.estimators import (
    GLO,
    PCA,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    EnergyDensity,
    GaussianMixture,
    Imputer,
    KernelDensity,
    KMeans,
    MaskedAutoencoder,
    Neighbors,
    SaturatingAutoencoder,
    SparseAutoencoder,
    SparseCoding,
    VariationalAutoencoder,
    VQAutoencoder,
)

POOLED = 8


def read(path):
    table = pl.read_csv(path)
    if path.stem != "gain_letter":
        table = table.drop(table.columns[0])  # a row number
    columns = [
        table[name] if table[name].dtype.is_numeric() else
        table[name].cast(pl.Categorical).to_physical() for name in table.columns
    ]  # fmt: skip
    values = np.stack([column.cast(pl.Float64).to_numpy() for column in columns], axis=1)
    return (values - values.min(0)) / np.ptp(values, axis=0).clip(1e-12)


def hide(X, share, random):
    hidden = random.random(X.shape) < share
    # every row keeps an entry
    full = np.flatnonzero((hidden | np.isnan(X)).all(axis=1))
    hidden[full] = False
    return np.where(hidden, np.nan, X), hidden & ~np.isnan(X)


def error(filled, X, hidden):
    return float(np.sqrt(np.mean((filled - X)[hidden] ** 2)))


def chosen(make, grid, H, answer):
    """The member of a grid that fills a second tenth of hidden entries best."""
    holed, hidden = hide(H, 0.1, np.random.default_rng(99))
    errors = [error(make(g).fit(holed).complete(holed, answer=answer), H, hidden) for g in grid]
    return grid[int(np.argmin(errors))]


def both(model, H):
    """The two answers of a fitted model."""
    return {answer: model.complete(H, answer=answer) for answer in ("lowest", "mean")}


def mixture(H):
    n, d = H.shape
    sizes = [k for k in (1, 5, 10, 20, 40) if k * d <= n / 1.5]
    grid = [(k, reg) for k in sizes for reg in (1e-5, 1e-4, 1e-3)]
    k, reg = chosen(
        lambda g: GaussianMixture(g[0], reg_covar=g[1], random_state=0), grid, H, "mean"
    )
    model = GaussianMixture(k, reg_covar=reg, n_pooled=POOLED, random_state=0)
    return both(model.fit(H), H)


def pca(H):
    k = chosen(PCA, [k for k in (1, 2, 3, 5, 8) if k < H.shape[1]], H, "mean")
    return both(PCA(k).fit(H), H)


def kmeans(H):
    k = chosen(lambda g: KMeans(g, random_state=0), (5, 20, 60), H, "lowest")
    return {"lowest": KMeans(k, random_state=0).fit(H).complete(H)}


def plain(kind):
    return lambda H: both(kind(random_state=0).fit(H), H)


def by_mean(kind):
    """The answer of least squared error alone: the lowest takes long for thousands of rows."""
    return lambda H: {"mean": kind(random_state=0).fit(H).complete(H, answer="mean")}


def of_complete_rows(kind):
    """Trained on rows that PCA has completed, for those that cannot learn from hidden entries."""

    def way(H):
        first = PCA(min(5, H.shape[1] - 1)).fit(H).complete(H, answer="mean")
        return {"lowest": kind(random_state=0).fit(first).complete(H)}

    return way


def forest(H):
    trees = RandomForestRegressor(50, n_jobs=2, random_state=0)
    return IterativeImputer(trees, max_iter=5, random_state=0).fit_transform(H)


THEIRS = {
    "column mean": SimpleImputer().fit_transform,
    "KNNImputer": KNNImputer().fit_transform,
    "IterativeImputer": IterativeImputer(random_state=0).fit_transform,
    "MissForest": forest,
}
OURS = {
    "Imputer": by_mean(Imputer),
    "KMeans": kmeans,
    "PCA": pca,
    "GaussianMixture": mixture,
    "Neighbors": by_mean(Neighbors),
    "KernelDensity": by_mean(KernelDensity),
    "SparseCoding": plain(SparseCoding),
    "GLO": plain(GLO),
    "VariationalAutoencoder": plain(VariationalAutoencoder),
    "VQAutoencoder": plain(VQAutoencoder),
    "SparseAutoencoder": plain(SparseAutoencoder),
    "ContractiveAutoencoder": plain(ContractiveAutoencoder),
    "SaturatingAutoencoder": plain(SaturatingAutoencoder),
    "DenoisingAutoencoder": plain(DenoisingAutoencoder),
    "MaskedAutoencoder": by_mean(MaskedAutoencoder),
    "EnergyDensity": of_complete_rows(EnergyDensity),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tables", default="")
    parser.add_argument("--ways", default="")
    options = parser.parse_args()
    folder = options.data_dir and options.data_dir / "imputation"
    if not folder or not folder.is_dir():
        print("completion left out: --data-dir with imputation/*.csv was not given")
        return
    wanted = [word for word in options.tables.split(",") if word]
    paths = [p for p in sorted(folder.glob("*.csv")) if not wanted or p.stem in wanted]
    ways = {**THEIRS, **OURS}
    if options.ways:
        ways = {name: ways[name] for name in options.ways.split(";")}
    print("| way | " + " | ".join(p.stem for p in paths) + " | mean | seconds |")
    print("|---" * (len(paths) + 3) + "|")
    for name, way in ways.items():
        found, start = {}, time.perf_counter()
        for path in paths:
            X = read(path)
            for seed in range(options.seeds):
                H, hidden = hide(X, 0.2, np.random.default_rng(seed))
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    filled = way(H)
                filled = filled if isinstance(filled, dict) else {"": filled}
                for answer, values in filled.items():
                    found.setdefault(answer, {}).setdefault(path, []).append(
                        error(values, X, hidden)
                    )
        seconds = time.perf_counter() - start
        for answer, tables in found.items():
            cells = [float(np.mean(errors)) for errors in tables.values()]
            title = f"{name}, {answer}" if answer else name
            row = [*(f"{cell:.4f}" for cell in cells), f"{np.mean(cells):.4f}", f"{seconds:.0f}"]
            print(f"| {title} | " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
