"""Completion of tables of words and numbers: thalweg beside scikit-learn and MissForest.

python benchmarks/mixed_tables.py [--seeds 3] [--tables penguins,wage] [--ways "A;B"]

A fifth of the cells is hidden completely at random; every way sees the rest alone and fills it.
Share of hidden words that are right, and root mean squared error of hidden numbers in units of
their columns' standard deviation; means over seeds, and then over tables. Ours run at their
defaults, except where a number of components is chosen by hiding a tenth of what is visible once
more. Peers are scikit-learn's imputers on scaled numbers and indicators, and MissForest as
published (100 trees, at most 10 rounds), all in the same run.
"""

import argparse
import platform
import time
import warnings

import numpy as np
from mixed_data import SOURCES, hide, scores, table
from mixed_peers import PEERS

from thalweg.estimators import GaussianMixture, KMeans, MaskedAutoencoder


def chosen(make, grid, frame, answer):
    """The member of a grid that fills a second tenth of hidden cells best."""
    holed, hidden = hide(frame, 0.1, np.random.default_rng(99))
    losses = []
    for member in grid:
        filled = make(member).fit(holed).complete(holed, answer=answer)
        accuracy, error = scores(filled, frame, hidden)
        losses.append(error - accuracy)
    return make(grid[int(np.argmin(losses))])


def plain(make, answer):
    """A way of a model at its settings."""
    return lambda frame: make().fit(frame).complete(frame, answer=answer)


def of_grid(make, grid, answer):
    """A way of a model whose size is chosen."""

    def way(frame):
        return chosen(make, grid, frame, answer).fit(frame).complete(frame, answer=answer)

    return way


def mixture(setting):
    k, reg = setting
    return GaussianMixture(k, reg_covar=reg, n_pooled=8, random_state=0)


MIXTURES = [(k, reg) for k in (1, 3, 6, 12) for reg in (1e-4, 1e-2)]
OURS = {
    "KMeans, defaults": plain(lambda: KMeans(random_state=0), "lowest"),
    "KMeans, chosen": of_grid(lambda k: KMeans(k, random_state=0), (5, 20, 60), "lowest"),
    "GaussianMixture, defaults, mean": plain(lambda: GaussianMixture(random_state=0), "mean"),
    "GaussianMixture, chosen, pooled, mean": of_grid(mixture, MIXTURES, "mean"),
    "MaskedAutoencoder, mean": plain(lambda: MaskedAutoencoder(random_state=0), "mean"),
}


def measured(way, tables, seeds):
    """Accuracy and error of a way (tables, 2), mean over seeds; and its seconds."""
    found, seconds = [], 0.0
    for frame in tables.values():
        each = []
        for seed in range(seeds):
            holed, hidden = hide(frame, 0.2, np.random.default_rng(seed))
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                filled = way(holed)
            seconds += time.perf_counter() - start
            each.append(scores(filled, frame, hidden))
        found.append(np.mean(each, axis=0))
    return np.array(found), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tables", default="")
    parser.add_argument("--ways", default="")
    options = parser.parse_args()
    names = [word for word in options.tables.split(",") if word] or list(SOURCES)
    try:
        tables = {name: table(name) for name in names}
    except ImportError as error:
        print(f"mixed tables left out: {error}")
        return
    ways = {**PEERS, **OURS}
    if options.ways:
        ways = {name: ways[name] for name in options.ways.split(";")}
    print(f"{platform.machine()}, Python {platform.python_version()}, {options.seeds} seeds; "
          "words right / error of numbers")  # fmt: skip
    for name, frame in tables.items():
        words = sum(dtype.is_numeric() for dtype in frame.dtypes)
        print(f"{name}: {len(frame):,} rows, {frame.width - words} of words, {words} of numbers")
    print("\n| way | " + " | ".join(tables) + " | mean words | mean numbers | seconds |")
    print("|---" * (len(tables) + 4) + "|")
    means = {}
    for name, way in ways.items():
        try:
            found, seconds = measured(way, tables, options.seeds)
        except (ImportError, TypeError, ValueError) as error:
            # a way that refuses such tables is shown as such
            print(f"| {name} | refused: {' '.join(str(error).split())[:200]} |", flush=True)
            continue
        means[name] = found.mean(axis=0)
        row = [f"{a:.3f} / {e:.3f}" for a, e in found]
        row += [f"{means[name][0]:.4f}", f"{means[name][1]:.4f}", f"{seconds:.0f}"]
        print(f"| {name} | " + " | ".join(row) + " |", flush=True)
    judge(means)


def judge(means):
    """Which of ours are behind no peer in the mean of words and in that of numbers."""
    peers = {name: each for name, each in means.items() if name in PEERS}
    if not peers or len(peers) == len(means):
        return
    words = max(each[0] for each in peers.values())
    numbers = min(each[1] for each in peers.values())
    print(f"\nbest of the peers: words {words:.4f}, numbers {numbers:.4f}")
    for name, (accuracy, error) in means.items():
        if name not in PEERS:
            held = [accuracy >= words, error <= numbers]
            print(f"{name}: words {'not behind' if held[0] else 'behind'}, "
                  f"numbers {'not behind' if held[1] else 'behind'}")  # fmt: skip


if __name__ == "__main__":
    main()
