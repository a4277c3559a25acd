"""Coordinate descent against gradient steps and mini-batches: loss against time, one figure.

python benchmarks/kmeans_training.py [--out FILE]
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits

from thalweg.estimators import KMeans
from thalweg.plots import figure, save_figure


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="benchmarks/kmeans_training.png")
    options = parser.parse_args()
    X = load_digits().data
    drawn = figure(6.4, 4.2)
    axes = drawn.axes[0]
    print("| way | inertia | epochs | seconds |\n|---|---|---|---|")
    init = X[np.random.default_rng(0).choice(len(X), 20, replace=False)]
    for algorithm, size in (("lloyd", 1), ("gradient", len(X)), ("minibatch", 256)):
        model = KMeans(20, init=init, algorithm=algorithm, batch_size=size, tol=1e-6).fit(X)
        # the first fit compiled the kernels, or read them from their cache
        model.fit(X)
        history = model.history_
        axes.plot(np.array(history.seconds) * 1e3, history.losses, label=algorithm)
        print(
            f"| {algorithm} | {model.inertia_:.0f} | {model.n_iter_} | {history.seconds[-1]:.3f} |"
        )
    axes.set(xlabel="milliseconds", ylabel="mean energy", xscale="log", title="digits, k = 20")
    axes.legend()
    save_figure(drawn, options.out)


if __name__ == "__main__":
    main()
