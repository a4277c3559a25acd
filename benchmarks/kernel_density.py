"""Kernel density estimates: bandwidth, likelihood of rows held out, time, beside scikit-learn's.

scikit-learn's bandwidth is the best of 20 by cross-validation on five folds (GridSearchCV), as its
documents choose one. Columns are scaled by median and quartiles for both.

python benchmarks/kernel_density.py [--repeat 3]
"""

import argparse
import statistics
import time

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KernelDensity as Theirs
from sklearn.preprocessing import RobustScaler

from thalweg.data import checkerboard, two_moons
from thalweg.estimators import KernelDensity


def tables(generator: torch.Generator):
    yield "two moons 2,000 x 2", two_moons(2000, generator).numpy()
    yield "checkerboard 2,000 x 2", checkerboard(2000, generator).numpy()
    yield "iris 150 x 4", load_iris().data
    yield "wine 178 x 13", load_wine().data
    yield "breast cancer 569 x 30", load_breast_cancer().data
    normal = torch.randn(10_000, 5, generator=generator, dtype=torch.float64)
    yield "normal 10,000 x 5", normal.numpy()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    print("| table | h | theirs | nats held out | theirs | seconds | theirs |")
    print("|---|---|---|---|---|---|---|")
    for name, rows in tables(torch.Generator().manual_seed(0)):
        found = []
        for seed in range(repeat):
            whole = rows.astype(np.float64)
            train, test = train_test_split(whole, test_size=0.3, random_state=seed)
            scaler = RobustScaler().fit(train)
            train, test = scaler.transform(train), scaler.transform(test)
            began = time.perf_counter()
            ours = KernelDensity(scale="none", random_state=0).fit(train)
            score = ours.score(test)
            middle = time.perf_counter()
            grid = {"bandwidth": np.geomspace(0.05, 2, 20)}
            theirs = GridSearchCV(Theirs(), grid, n_jobs=2).fit(train).best_estimator_
            their_score = theirs.score(test) / len(test)
            found.append((ours.bandwidth_, theirs.bandwidth, -score, -their_score,
                          middle - began, time.perf_counter() - middle))  # fmt: skip
        cells = [f"{statistics.median(each):.3f}" for each in zip(*found, strict=True)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
