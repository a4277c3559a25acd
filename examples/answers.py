"""Answers that need no choice of method: which rows are unusual and why, what is missing, how sure.

python examples/answers.py [FILE]

Wines with gaps, and one cell whose decimal point has moved. Left: minus the log of how often a wine
is as unusual, in order; those that are called so, one in ten of them wrongly, have a ring. Middle:
which cells of the first make it so. Right: what was missing, against what was there, with intervals
that hold nine in ten.
"""

import sys

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from sklearn.datasets import load_wine

from thalweg.estimators import AnomalyDetector, Imputer
from thalweg.plots import save_figure

wine, random = load_wine(), np.random.default_rng(0)
whole = pl.DataFrame({name: wine.data[:, j] for j, name in enumerate(wine.feature_names)})
whole = whole.with_columns(pl.Series("cultivar", np.array(["Barolo", "Grignolino", "Barbera"])[
    wine.target]))  # fmt: skip
whole[0, "ash"] = 24.3  # a decimal point that has moved
gaps = random.random((len(whole), len(wine.feature_names))) < 0.1
gaps[0] = False
table = whole.with_columns(pl.when(~pl.Series(gaps[:, j])).then(pl.col(name)).alias(name)
                           for j, name in enumerate(wine.feature_names))  # fmt: skip

detector = AnomalyDetector(random_state=0).fit(table)
energy, chosen = detector.energy(table), detector.select(table, fdr=0.1)
said = detector.explain(table)
worst = int(energy.argmax())
print(f"{chosen.sum()} unusual, {np.flatnonzero(chosen)}; most of all row {worst}")

imputer = Imputer(n_steps=1500, random_state=0).fit(table)
filled = imputer.transform(table)
lower, upper = imputer.complete(table, interval=0.9, random_state=0)
names, spread = wine.feature_names, wine.data.std(axis=0)
truth, mean, low, high = (np.asarray(each.select(names)) / spread
                          for each in (whole, filled, lower, upper))  # fmt: skip
inside = ((low <= truth) & (truth <= high))[gaps].mean()
error = np.sqrt(np.mean((mean - truth)[gaps] ** 2))
print(f"error {error:.2f} standard deviations; {inside:.0%} of the intervals hold what was there")

figure = Figure((12, 3.8), layout="constrained")
one, two, three = figure.subplots(1, 3)
order = np.argsort(energy)
one.plot(np.sort(energy), ".", color="0.5")
one.plot(np.flatnonzero(chosen[order]), energy[order][chosen[order]], "o", mfc="none", color="C3")
one.set(xlabel="wines, in order", ylabel="- log of how often", title="how unusual")
top = np.argsort(-said.contribution[worst])[:6][::-1]
two.barh([said.columns[j] for j in top], said.contribution[worst, top], color="C3")
two.set(xlabel="share of the energy", title=f"why wine {worst}")
where = np.nonzero(gaps)
three.errorbar(truth[gaps], mean[gaps], yerr=abs(np.array([low[gaps], high[gaps]]) - mean[gaps]),
               fmt=".", color="C0", ecolor="0.8", ms=4)  # fmt: skip
three.axline((0, 0), slope=1, color="k", lw=0.8)
three.set(xlabel="was there", ylabel="filled in", title="gaps, in standard deviations")
save_figure(figure, sys.argv[1] if len(sys.argv) > 1 else "answers.png")
