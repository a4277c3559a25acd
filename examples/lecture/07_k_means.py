"""K-means on the spiral: k wells, and the two questions
=====================================================

``E(y, z) = |y - Wz|^2`` with z one of k choices: energy is zero at k points and grows with the
squared distance from them, and training moves the points by coordinate descent or by gradient
steps, each to a local minimum of its own. The trained energy answers "given y1, what is y2?" and
"which point of the manifold is closest?".
"""

import math

import numpy as np
import torch

from thalweg.data import spiral
from thalweg.estimators import KMeans
from thalweg.gallery import save, surface
from thalweg.plots import COLOURS, figure
from thalweg.questions import descend

generator = torch.Generator().manual_seed(0)
rows = spiral(2000, generator, noise=0.01)
start = rows[torch.randperm(2000, generator=generator)[:20]].numpy()
model = KMeans(20, random_state=0).fit(rows)

drawn = figure(15, 8.6, 2, 3)
wells, losses, soft, paths, given, closest = drawn.axes[:6]
for axes, energy, title in (
    (wells, model.energy_, "F(y) = min over z of E(y, z): 20 wells"),
    (soft, KMeans(20, init=model.cluster_centers_, beta=100.0, max_iter=1).fit(rows).energy_,
     "F_beta(y), beta = 100: a valley"),
    (paths, model.energy_, "descent of F from anywhere (dots) to its end (x)"),
    (given, model.energy_, "given y1 (dotted), what is y2? (triangles)"),
    (closest, model.energy_, "which point of the manifold is closest?"),
):  # fmt: skip
    surface(axes, energy, 1.2, rows[::4] if axes in (wells, soft) else None, title, top=0.12)
wells.scatter(*model.cluster_centers_.T, s=25, c=COLOURS[3], edgecolors="white", linewidths=0.7)

for colour, (name, settings) in zip(COLOURS, {
    "coordinate descent (Lloyd)": {"algorithm": "lloyd"},
    "gradient steps, all rows": {"algorithm": "gradient", "batch_size": 2000},
    "gradient steps, 100 rows": {"algorithm": "gradient", "batch_size": 100},
}.items(), strict=False):  # fmt: skip
    history = (
        KMeans(20, init=start, tol=0, max_iter=100, random_state=0, **settings).fit(rows).history_
    )
    passes = np.arange(len(history)) * settings.get("batch_size", 2000) / 2000
    mean = np.asarray(history.losses)
    if len(history) > 100:  # of batches, the mean over a pass
        mean, passes = mean.reshape(-1, 20).mean(axis=1), passes[::20]
    losses.semilogy(passes, mean, color=colour, label=name)
losses.set(title="training, from the same 20 rows", xlabel="passes over the data",
           ylabel="mean energy", xlim=(0, 100))  # fmt: skip
losses.legend(fontsize=8)

seeds = 2.2 * torch.rand(30, 2, generator=generator) - 1.1
way = [seeds]
descend(model.energy_, seeds, path=way)
for path in torch.stack(way, dim=1):
    paths.plot(*path.T, color=COLOURS[3], linewidth=1)
paths.scatter(*seeds.T, s=12, c=COLOURS[3])
paths.scatter(*way[-1].T, s=30, c=COLOURS[3], marker="x")
asked = torch.linspace(-0.9, 0.9, 7)
filled = model.complete(torch.stack([asked, torch.full_like(asked, math.nan)], dim=1))
for y1, y2 in filled.tolist():
    given.axvline(y1, color=COLOURS[3], linewidth=1, linestyle=":")
    given.plot(y1, y2, "^", color=COLOURS[3], markersize=8, markeredgecolor="white")
for a, b in zip(seeds.tolist(), model.project(seeds).tolist(), strict=True):
    closest.annotate("", b, a, arrowprops={"arrowstyle": "->", "color": COLOURS[3]})
save(drawn)
