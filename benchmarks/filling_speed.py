"""Seconds to fill in and to project 1,000 rows x 20 columns, a fifth hidden, by every estimator.

python benchmarks/filling_speed.py [--keep DIR] [--only VariationalAutoencoder,GLO]

Rows lie near a curved surface of three dimensions; estimators are at their defaults and learn from
4,000 whole rows. Energies are those of the answers, in the mean, for comparison between versions:
with --keep the fitted models are kept in a folder, and taken from there another time.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np

import thalweg
from thalweg import estimators

METHODS = (
    "VariationalAutoencoder", "VQAutoencoder", "GLO", "EnergyDensity", "SparseAutoencoder",
    "ContractiveAutoencoder", "SaturatingAutoencoder", "DenoisingAutoencoder", "MaskedAutoencoder",
    "SparseCoding", "PCA", "KMeans", "GaussianMixture", "SquareICA", "Neighbors", "KernelDensity",
)  # fmt: skip


def surface(n, random):
    """Rows (n, 20) that are a smooth function of three numbers, and some noise."""
    weights = np.random.default_rng(7)
    a, b = weights.normal(size=(3, 12)), weights.normal(size=(12, 20)) / np.sqrt(12)
    return np.sin(random.normal(size=(n, 3)) @ a) @ b + 0.05 * random.normal(size=(n, 20))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep")
    parser.add_argument("--only")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    random = np.random.default_rng(0)
    rows, others = surface(4000, random), surface(1000, random)
    holed = np.where(random.random(others.shape) < 0.2, np.nan, others)
    print("| estimator | complete | energy | error | project | energy |\n|---|---|---|---|---|---|")
    for name in asked.only.split(",") if asked.only else METHODS:
        path = Path(asked.keep or ".") / f"{name}.safetensors"
        if asked.keep and path.exists():
            model = thalweg.load(path)
        else:
            model = getattr(estimators, name)().fit(rows)
            if asked.keep:
                path.parent.mkdir(parents=True, exist_ok=True)
                model.save(path)
        model.complete(holed[:2]), model.project(others[:2])  # what is compiled is compiled
        start = time.perf_counter()
        filled = model.complete(holed)
        complete = time.perf_counter() - start
        start = time.perf_counter()
        nearest = model.project(others)
        project = time.perf_counter() - start
        error = np.sqrt(np.mean((filled - others)[np.isnan(holed)] ** 2))
        print(
            f"| {name} | {complete:.2f} s | {model.energy(filled).mean():.5g} | {error:.4f} "
            f"| {project:.2f} s | {model.energy(nearest).mean():.5g} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
