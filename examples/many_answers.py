"""Many predictions for one x: a latent variable where least squares takes the average.

A circle seen from its first coordinate. python examples/many_answers.py [FILE]
"""

import sys

import numpy as np

from thalweg.estimators import LatentRegressor
from thalweg.plots import figure, save_figure

random = np.random.default_rng(0)
angle = random.uniform(0, 2 * np.pi, size=1000)
x = np.cos(angle)[:, None]
y = np.sin(angle) + 0.05 * random.normal(size=1000)
asked = np.linspace(-0.95, 0.95, 60)[:, None]

one = LatentRegressor(n_components=1, n_steps=1000, random_state=0).fit(x, y)
two = LatentRegressor(n_components=2, n_steps=1000, random_state=0).fit(x, y)
every = LatentRegressor(latent="continuous", n_components=1, n_steps=1500, random_state=0)
every.fit(x, y)

drawn = figure(12, 4, 1, 3)
for axes, title, model in zip(
    drawn.axes, ("least squares", "two branches", "z on an interval"), (one, two, every),
    strict=True,
):  # fmt: skip
    axes.scatter(x, y, s=3, color="#cccccc")
    predictions, energies = model.predict_all(asked)
    for branch in range(predictions.shape[1]):
        dots = axes.scatter(asked, predictions[:, branch], s=6, c=energies[:, branch])
    drawn.colorbar(dots, ax=axes, label="F(x, y)")
    axes.set(title=title, xlabel="x", ylabel="y")
print("at x = 0, two branches:", two.predict_all([[0.0]])[0].round(2).tolist())
print("z that explains y = 0.9 at x = 0.4:", two.infer([[0.4]], [0.9]).tolist())
save_figure(drawn, sys.argv[1] if len(sys.argv) > 1 else "many_answers.png")
