"""Memory and time of pretraining from a large file.

python benchmarks/language_memory.py [--corpus DIR] [--gigabytes 1] [--steps 50]

DIR holds WordNet (Debian: wordnet-base); without it nothing is measured, and said so. Its glosses
are written again and again, in new orders, to a file of that size; a vocabulary is learned from it,
it is made tokens of, and so many steps are taken. Peak of the resident memory of the process, and
how much of it is there before anything is read.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import corpora
import numpy as np
import torch
from language_speed import TEXTS_A_STEP, ours

from thalweg.data import TextFiles, TokenRows, Vocabulary


def peak():
    """Of this process, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--corpus", default="/usr/share/wordnet")
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=50)
    options = parser.parse_args()
    texts = corpora.glosses(options.corpus)
    if texts is None:
        sys.stdout.write(f"skipped: {options.corpus} does not hold WordNet\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corpus.txt"
        rng = np.random.default_rng(0)
        with path.open("w") as file:
            while file.tell() < options.gigabytes * 1e9:
                file.write("\n".join(texts[i] for i in rng.permutation(len(texts))) + "\n")
        del texts
        sys.stdout.write(f"file: {path.stat().st_size / 1e9:.2f} GB, at first {peak():.2f} GiB\n")
        given = TextFiles(path)
        begun = time.perf_counter()
        vocabulary = Vocabulary.train(given, 8000)
        sys.stdout.write(
            f"vocabulary: {time.perf_counter() - begun:.0f} s, peak {peak():.2f} GiB\n"
        )
        begun = time.perf_counter()
        rows = TokenRows(given, vocabulary, 126)
        sys.stdout.write(
            f"{rows.lengths.sum() / 1e6:.0f} million tokens: {time.perf_counter() - begun:.0f} s, "
            f"peak {peak():.2f} GiB\n"
        )
        step, _ = ours(vocabulary, options.steps)
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0)).numpy()
        for i in range(options.steps):
            step(rows.take(order[i * TEXTS_A_STEP :][:TEXTS_A_STEP]))
        sys.stdout.write(f"{options.steps} steps: peak {peak():.2f} GiB\n")


if __name__ == "__main__":
    main()
