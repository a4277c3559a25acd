"""How long the default for gaps takes: 10,000 rows of 20 columns, a tenth of the entries hidden.

python benchmarks/imputer_time.py [--data-dir DIR] [--rows 10000]

Seconds to learn and to fill in: a plane of five directions with noise and, where DIR holds
imputation/gain_letter.csv, letters of which four columns' squares are appended, which ask for many
components.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import polars as pl

from thalweg.estimators import Imputer


def plane(n):
    random = np.random.default_rng(0)
    rows = random.normal(size=(n, 5)) @ random.normal(size=(5, 20))
    return rows + 0.3 * random.normal(size=rows.shape)


def letters(n, path):
    rows = pl.read_csv(path).to_numpy().astype(float)[:n]
    return np.hstack([rows, rows[:, :4] ** 2])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--rows", type=int, default=10_000)
    options = parser.parse_args()
    tables = {"plane": plane(options.rows)}
    path = options.data_dir and options.data_dir / "imputation" / "gain_letter.csv"
    if path and path.exists():
        tables["letters"] = letters(options.rows, path)
    else:
        print("letters are skipped: --data-dir DIR with imputation/gain_letter.csv is not given")
    print("| table | learn | fill in | error of a hidden cell |\n|---|---|---|---|")
    for name, rows in tables.items():
        holed = np.where(np.random.default_rng(1).random(rows.shape) < 0.1, np.nan, rows)
        began = time.perf_counter()
        model = Imputer(random_state=0).fit(holed)
        learned = time.perf_counter()
        filled = model.transform(holed)
        ended = time.perf_counter()
        away = ((filled - rows) / rows.std(axis=0))[np.isnan(holed)]
        error = np.sqrt(np.mean(away**2))
        print(f"| {name} | {learned - began:.0f} s | {ended - learned:.1f} s | {error:.2f} |")


if __name__ == "__main__":
    main()
