"""How long it takes to say which cells 10,000 rows of 20 columns are unusual for.

python benchmarks/explaining.py [--rows 10000] [--columns 20] [--repeat 3]

Seconds, the median: to fit, to say F with each cell hidden, and to say what is usual there too.
"""

import argparse
import statistics
import time
import warnings

import numpy as np

from thalweg.estimators import (
    PCA,
    AnomalyDetector,
    GaussianMixture,
    KernelDensity,
    KMeans,
    Neighbors,
)

WAYS = {
    "KMeans, 10": KMeans(10, random_state=0),
    "PCA, 5": PCA(5),
    "GaussianMixture, 5": GaussianMixture(5, random_state=0),
    "Neighbors": Neighbors(random_state=0),
    "Neighbors, euclidean": Neighbors(metric="euclidean", random_state=0),
    "KernelDensity": KernelDensity(random_state=0),
    "AnomalyDetector": AnomalyDetector(random_state=0),
}


def seconds(what, repeat):
    found = []
    for _ in range(repeat):
        began = time.perf_counter()
        what()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    d = options.columns
    rows = random.normal(size=(options.rows, 5)) @ random.normal(size=(5, d))
    rows += 0.3 * random.normal(size=rows.shape)
    print("| way | fit | shares | shares and usual values |\n|---|---|---|---|")
    for name, model in WAYS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cells = [
                seconds(lambda model=model: model.fit(rows), options.repeat),
                seconds(lambda model=model: model.explain(rows, usual=False), options.repeat),
                seconds(lambda model=model: model.explain(rows), options.repeat),
            ]
        print(f"| {name} | " + " | ".join(f"{cell:.1f}" for cell in cells) + " |", flush=True)


if __name__ == "__main__":
    main()
