"""Fit 10 million x 16 float32 (640 MB) from a memory map or a Parquet file: peak memory.

python benchmarks/kmeans_memory.py [--rows 10000000]
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from thalweg.estimators import KMeans


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        mapped = np.lib.format.open_memmap(path, "w+", np.float32, (options.rows, 16))
        random = np.random.default_rng(0)
        for start in range(0, options.rows, 100_000):
            part = mapped[start : start + 100_000]
            part[:] = random.normal(size=part.shape) + random.integers(4, size=(len(part), 1)) * 4
            mapped._mmap.madvise(4)  # MADV_DONTNEED: these pages are not the fit's
        mapped.flush()
        del mapped
        X = np.load(path, mmap_mode="r")
        KMeans(4, random_state=0, max_iter=2).fit(np.array(X[:2000]))
        before = peak()
        start = time.perf_counter()
        model = KMeans(8, random_state=0, max_iter=5).fit(X)
        print(f"{options.rows:,} x 16 float32, k = 8, {model.n_iter_} iterations: "
              f"{time.perf_counter() - start:.1f} s, peak {peak() - before:.0f} MB "
              f"beyond the {before:.0f} MB before")  # fmt: skip


if __name__ == "__main__":
    main()
