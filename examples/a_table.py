"""A table as people have it: words, dates, an identifier and gaps, in raw units.

python examples/a_table.py [FILE]

Wines with a tenth of their cells missing. Left: their energies, over two columns in their own
units; the rows of highest energy have a ring. Right: how well each method fills the gaps in, by the
mean of what may be there.
"""

import sys

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from sklearn.datasets import load_wine

from thalweg.data.columns import Table
from thalweg.estimators import PCA, GaussianMixture, KernelDensity, KMeans, Neighbors, SparseCoding
from thalweg.plots import save_figure

wine, random = load_wine(), np.random.default_rng(0)
days = 40 * wine.target + random.integers(40, size=178)
names = ["alcohol", "malic acid", "flavanoids", "color intensity", "proline"]
whole = pl.DataFrame({name: wine.data[:, wine.feature_names.index(name.replace(" ", "_"))]
                      for name in names}).with_columns(
    pl.Series("wine", [f"W{i:03d}" for i in range(178)]),
    pl.Series("cultivar", np.array(["Barolo", "Grignolino", "Barbera"])[wine.target]),
    pl.Series("bottled", np.datetime64("1991-03-01") + days),
)  # fmt: skip
asked = ["cultivar", *names]
gaps = {name: random.random(178) < 0.1 for name in asked}
table = whole.with_columns(pl.when(~pl.Series(gap)).then(pl.col(name)).alias(name)
                           for name, gap in gaps.items())  # fmt: skip

models = {
    "K-means": KMeans(6, random_state=0),
    "neighbors": Neighbors(n_neighbors=8),
    "kernels": KernelDensity(),
    "PCA": PCA(3),
    "sparse": SparseCoding(random_state=0),
    "mixture": GaussianMixture(3, covariance_type="diag", random_state=0),
}
words, errors = [], []
for model in models.values():
    filled = model.fit(table).complete(table, answer="mean")
    right = filled["cultivar"] == whole["cultivar"]
    words.append(right.filter(pl.Series(gaps["cultivar"])).mean())
    off = [(filled[name] - whole[name]).filter(pl.Series(gaps[name])) / whole[name].std()
           for name in names]  # fmt: skip
    errors.append(np.sqrt(np.mean(np.concatenate(off) ** 2)))

mixture = models["mixture"]
print(Table(table).schema().counted())
energy = mixture.energy(table)
figure = Figure((10, 3.6), layout="constrained")
left, right = figure.subplots(1, 2)
spots = left.scatter(whole["alcohol"], whole["proline"], 18, energy, cmap="viridis")
odd = np.argsort(energy)[-5:]
left.scatter(whole["alcohol"][odd], whole["proline"][odd], 90, facecolors="none", edgecolors="k")
left.set(xlabel="alcohol", ylabel="proline", title="energy by the mixture")
figure.colorbar(spots, ax=left)
at = np.arange(len(models))
right.bar(at - 0.2, words, 0.4, label="share of words that are right")
right.bar(at + 0.2, errors, 0.4, label="error of numbers, in standard deviations")
right.set_xticks(at, models, fontsize=8)
right.set(title="cells that were missing", ylim=(0, 1.35))
right.legend(loc="upper center", fontsize=8)
save_figure(figure, sys.argv[1] if len(sys.argv) > 1 else "a_table.png")
