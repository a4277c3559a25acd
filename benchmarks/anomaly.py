"""Anomaly detection on ADBench tables: -score_samples of every estimator beside PyOD's detectors.

python benchmarks/anomaly.py --data-dir DIR [--clean] [--seeds 3] [--tables wine,glass] [--ways A;B]

DIR holds adbench/*.npz; without it nothing is measured, and said so. The protocol is ADBench's: at
most 10,000 rows, at least 1,000 (drawn with replacement), a stratified 70/30 split, scaling to 0 ..
1 fitted on the training part, which has the anomalies in it, without labels; AUROC on the rest,
mean over seeds 1, 2, 3. Everything at its defaults. With --clean the training part is its normal
rows alone, and ``AnomalyDetector`` is told so (contamination=0). Small tables are drawn up to 1,000
rows, so that the same rows stand on both sides: the last mean is over the larger ones.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

from thalweg.estimators.registry import estimator, names_in


def split(path, seed, clean=False):
    data = np.load(path, allow_pickle=True)
    X, y = data["X"].astype(np.float64), data["y"]
    random = np.random.default_rng(seed)
    if len(X) > 10_000:
        keep = random.choice(len(X), 10_000, replace=False)
        X, y = X[keep], y[keep]
    if len(X) < 1000:
        keep = random.choice(len(X), 1000, replace=True)
        X, y = X[keep], y[keep]
    train, test, known, truth = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=seed
    )  # fmt: skip
    train = train[known == 0] if clean else train
    scaler = MinMaxScaler().fit(train)
    return scaler.transform(train), scaler.transform(test), truth


def part_of_detector(name, clean):
    """A part of ``AnomalyDetector`` alone."""

    def way(train, test, seed):
        detector = estimator("AnomalyDetector")(0 if clean else "auto", random_state=seed)
        detector.fit(train)
        largest = detector.energy_.energy.energies
        parts = dict(zip(("plain", "squashed"), largest[0].energies, strict=True), cell=largest[1])
        part = parts[name]
        return part(torch.from_numpy(detector.rows_of(test))).detach().numpy()

    return way


def forest(train, test, seed):
    return -IsolationForest(random_state=seed).fit(train).score_samples(test)


def ours(kind, clean):
    def way(train, test, seed):
        known = {"random_state": seed} if "random_state" in kind.parameters else {}
        if clean and "contamination" in kind.parameters:
            known["contamination"] = 0
        return -kind(**known).fit(train).score_samples(test)

    return way


def theirs(name):
    def way(train, test, seed):
        from pyod.models.dif import DIF
        from pyod.models.ecod import ECOD
        from pyod.models.iforest import IForest
        from pyod.models.knn import KNN
        from pyod.models.pca import PCA

        if name in ("KNN", "ECOD"):
            return {"KNN": KNN, "ECOD": ECOD}[name]().fit(train).decision_function(test)
        make = {"DIF": DIF, "IForest": IForest, "PCA": PCA}[name]
        return make(random_state=seed).fit(train).decision_function(test)

    return way


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tables", default="")
    parser.add_argument("--ways", default="")
    options = parser.parse_args()
    folder = options.data_dir and options.data_dir / "adbench"
    if not folder or not folder.is_dir():
        print("anomaly left out: --data-dir with adbench/*.npz was not given")
        return
    names = [word for word in options.tables.split(",") if word]
    paths = [p for p in sorted(folder.glob("*.npz")) if not names or p.stem in names]
    ways = {f"PyOD {name}": theirs(name) for name in ("IForest", "KNN", "PCA", "ECOD", "DIF")}
    ways["scikit-learn IsolationForest"] = forest
    kinds = [estimator(name) for name in names_in("tables")]
    ways |= {kind.__name__: ours(kind, options.clean) for kind in kinds}
    for name in ("plain", "squashed", "cell"):
        ways[f"AnomalyDetector, {name} part"] = part_of_detector(name, options.clean)
    if options.ways:
        ways = {name: ways[name] for name in options.ways.split(";")}
    print("| way | " + " | ".join(p.stem.split("_", 1)[1] for p in paths)
          + " | mean | mean of the larger | seconds |")  # fmt: skip
    print("|---" * (len(paths) + 4) + "|")
    larger = [len(np.load(path, allow_pickle=True)["y"]) >= 1000 for path in paths]
    for name, way in ways.items():
        cells, start = [], time.perf_counter()
        for path in paths:
            found = []
            for seed in range(1, options.seeds + 1):
                train, test, truth = split(path, seed, options.clean)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        found.append(roc_auc_score(truth, way(train, test, seed)))
                    except ImportError as error:
                        print(f"{name} left out: {error}")
                        break
                    except ValueError as error:
                        print(f"{name} on {path.stem}: {error}", flush=True)
            cells.append(float(np.mean(found)) if found else np.nan)
        large = np.nanmean(np.array(cells)[larger]) if any(larger) else np.nan
        row = [*(f"{cell:.3f}" for cell in cells), f"{np.nanmean(cells):.3f}", f"{large:.3f}"]
        seconds = time.perf_counter() - start
        print(f"| {name} | " + " | ".join(row) + f" | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
