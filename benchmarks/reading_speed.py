"""Reading a CSV to numbers ready for an estimator, beside polars' own reading of the file.

python benchmarks/reading_speed.py [--megabytes 200] [--repeat 5]

Six columns of numbers and four of words (4, 12, 40 and 2,000 different ones), 2% of the cells
missing, from a fixed seed. ``thalweg.read_table(path)`` finds separator, markers and kinds, and
gives numbers and codes; polars alone gives a frame. Ways take turns; medians of seconds. The bar:
no more than twice polars' time. pandas stands beside them where it is installed.
"""

import argparse
import platform
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

import thalweg

BAR = 2.0
PIECE = 100_000
WORDS = (4, 12, 40, 2000)


def piece(random, rows):
    """So many rows of the table."""
    columns = {
        "income": np.exp(random.normal(10.7, 0.6, rows)).round(2),
        "age": random.integers(18, 99, rows),
        "share": random.random(rows).round(6),
        "visits": random.poisson(40, rows),
        "temperature": random.normal(12, 9, rows).round(1),
        "balance": random.normal(0, 5000, rows).round(2),
    }
    for n in WORDS:
        names = np.array([f"word {i:04d}" for i in range(n)])
        columns[f"of_{n}"] = names[random.integers(n, size=rows)]
    frame = pl.DataFrame(columns)
    return frame.with_columns(
        pl.when(pl.Series(random.random(rows) < 0.02))
        .then(None)
        .otherwise(pl.col(name))
        .alias(name)
        for name in frame.columns
    )


def write(path, megabytes):
    """Pieces until the file is so long; how many rows there are."""
    random, rows = np.random.default_rng(0), 0
    with path.open("wb") as file:
        while file.tell() < megabytes * 1e6:
            piece(random, PIECE).write_csv(file, include_header=rows == 0)
            rows += PIECE
            file.flush()
    return rows


def ways():
    """What is compared, by name: each takes a path."""

    def rows_of(path):
        """A table is opened by read_table, and read when its kinds and rows are asked for."""
        table = thalweg.read_table(path)
        return table.encoded(table.schema())

    every = {
        "polars.read_csv": pl.read_csv,
        "thalweg.read_table, cells alone": lambda path: thalweg.read_table(path).frame,
        "thalweg.read_table, and kinds": lambda path: thalweg.read_table(path).schema(),
        "thalweg.read_table": rows_of,
    }
    try:
        import pandas as pd

        every["pandas.read_csv"] = pd.read_csv
    except ImportError as error:
        print(f"pandas left out: {error}\n")
    return every


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=200)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    every = ways()
    taken = {name: [] for name in every}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        rows = write(path, options.megabytes)
        print(f"{platform.machine()}, Python {platform.python_version()}, polars {pl.__version__} "
              f"on {pl.thread_pool_size()} threads, {path.stat().st_size / 1e6:.0f} MB, "
              f"{rows:,} rows, medians of {options.repeat}\n")  # fmt: skip
        for turn in range(options.repeat + 1):
            for name, way in every.items():
                start = time.perf_counter()
                read = way(path)
                if turn:  # the first of each warms up
                    taken[name].append(time.perf_counter() - start)
                del read
    theirs = statistics.median(taken["polars.read_csv"])
    print("| way | seconds | times polars |\n|---|---|---|")
    for name, each in taken.items():
        median = statistics.median(each)
        print(f"| {name} | {median:.2f} | {median / theirs:.2f} |")
    if "thalweg.read_table" in taken:
        held = statistics.median(taken["thalweg.read_table"]) <= BAR * theirs
        print(f"\nwithin {BAR:.0f} times polars: {'holds' if held else 'does not hold'}")


if __name__ == "__main__":
    main()
