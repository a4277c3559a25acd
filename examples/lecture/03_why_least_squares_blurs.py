r"""Why least squares blurs
=======================

.. math::
    \operatorname{argmin}_g \; E\|y - g(x)\|^2 = E[y \mid x], \qquad
    F(x, y) = \min_z \|y - g(x, z)\|^2

Small digits turn in a direction that nobody can foresee: least squares answers with the average of
all that may come, which never comes, while each value of a latent variable z gives a sharp future,
which costs more if it is the only guess (it is as far from the average as what comes is, so that
its error has both spreads) and least if all are counted. A softmax gives every outcome a
probability where outcomes can be listed; over continuous ones an energy does it, low at each of
them and high at their average.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from thalweg.data import turning_digits
from thalweg.estimators import LatentRegressor, NextFrame
from thalweg.gallery import quick, save
from thalweg.plots import COLOURS, draw_tiles, figure

digits = (15 * load_digits().images).astype(np.uint8)
train, test = (
    turning_digits(part, n, torch.Generator().manual_seed(seed), length=5, size=20, step=3, every=1)
    for part, n, seed in ((digits[:1500], 1500, 0), (digits[1500:], 200, 1))
)
shared = {"context": 3, "width": 24, "reach": 3, "learning_rate": 0.005, "random_state": 0,
          "n_steps": 30 if quick() else 450}  # fmt: skip
blurred = NextFrame(None, **shared).fit(train.frames)
sharp = NextFrame("discrete", n_components=12, **shared).fit(train.frames)
x, y = test.frames[:, 1:4], test.frames[:, 4:5]
guess, explained = blurred.predict(x), sharp.reconstruct(x, y)
futures = sharp.predict_all(x, 12)[:, :, 0]


def error(frames):
    """Squared error of the nearest of some answers to each question, per pixel."""
    return np.square(frames - y.astype(float)).mean(axis=(2, 3)).min(axis=1).mean()


drawn = figure(12, 8.4, 2, 2)
names = ["t", "t + 1", "least\nsquares", "z of\nt + 1", *(f"z {i}" for i in range(1, 5))]
for half, axes in enumerate(drawn.axes[:2]):
    which = range(5 * half, 5 * half + 5)
    draw_tiles(axes, [[x[i, -1], y[i, 0], guess[i, 0], explained[i, 0], *futures[i, :4]]
                      for i in which], 0, 240)  # fmt: skip
    for column, name in enumerate(names):
        axes.text((column * 1.06 + 0.5) * 20, -1, name, fontsize=8, ha="center")
drawn.suptitle(
    f"squared error: least squares {error(guess):.0f}; one sharp future alone "
    f"{error(futures[:, :1]):.0f} (both spreads), the nearest of 12 {error(futures):.0f}",
    fontsize=11,
)  # fmt: skip

random = np.random.default_rng(0)
angle = random.uniform(0, 2 * np.pi, 3000)
ahead, side = np.cos(angle)[:, None], np.sin(angle) + 0.1 * random.normal(size=3000)
edges = np.linspace(-1.5, 1.5, 16)
middles = (edges[1:] + edges[:-1]) / 2
softmax = MLPClassifier((32,), max_iter=300, tol=1e-3, random_state=0)
softmax.fit(ahead, np.digitize(side, edges[1:-1]))
settings = {"n_steps": 60 if quick() else 2000, "random_state": 0}
mean = float(LatentRegressor(n_components=1, **settings).fit(ahead, side).predict([[0.0]])[0])
two = LatentRegressor(n_components=2, **settings).fit(ahead, side)
left, right = drawn.axes[2:]
left.bar(middles[softmax.classes_], softmax.predict_proba([[0.0]])[0], 0.18, color=COLOURS[0])
left.set(title="outcomes that can be listed: a softmax over 15 bins, given x = 0",
         xlabel="y", ylabel="p(bin | x)")  # fmt: skip
at = np.linspace(-1.5, 1.5, 301)
right.plot(at, two.energy(np.zeros((301, 1)), at), color=COLOURS[0])
right.set(title="continuous outcomes: an energy, given x = 0", xlabel="y", ylabel="F(x, y)")
for axes in (left, right):
    axes.axvline(mean, color=COLOURS[3], linestyle="--", label=f"least squares: y = {mean:.2f}")
    axes.set_xlim(-1.5, 1.5)
    axes.legend(loc="upper right")
save(drawn)
