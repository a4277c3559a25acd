r"""K-means on the spiral: k wells, and the two questions
=====================================================

.. math::
    F(y) = \min_z \|y - W z\|^2, \qquad z \text{ one of } k \text{ choices}

Energy is zero at k points and grows with the squared distance from them; training by coordinate
descent (z for all rows, then the points) comes lower than as many steps down the whole gradient,
and steps on batches lower still, for they pass by some local minima. The trained energy answers
"given y1, what is y2?" with several valleys, of which 1 is the lowest, and "which point of the
manifold is closest?", where descent ends.
"""

import numpy as np
import torch

from thalweg.data import spiral
from thalweg.estimators import KMeans
from thalweg.gallery import quick, save, surface
from thalweg.plots import COLOURS, figure
from thalweg.questions import descend

generator = torch.Generator().manual_seed(0)
rows = spiral(2000, generator, noise=0.01)
model = KMeans(20, random_state=0).fit(rows)

drawn = figure(15, 8.6, 2, 3)
wells, losses, soft, given, closest, line = drawn.axes[:6]
for axes, energy, title in (
    (wells, model.energy_, "F(y) = min over z of E(y, z): 20 wells"),
    (soft, KMeans(20, init=model.cluster_centers_, beta=100.0, max_iter=1).fit(rows).energy_,
     "F_beta(y), beta = 100: a valley"),
    (given, model.energy_, "given y1 (dotted), y2 may be: 1 lowest, 2, 3"),
    (closest, model.energy_, "descent (lines) ends at the closest point (x)"),
):  # fmt: skip
    surface(axes, energy, 1.2, rows[::4] if axes in (wells, soft) else None, title, top=0.12)
wells.scatter(*model.cluster_centers_.T, s=25, c=COLOURS[3], edgecolors="white", linewidths=0.7)

starts = [rows[torch.randperm(2000, generator=generator)[:20]] for _ in range(5 if quick() else 30)]
for colour, (name, settings) in zip(COLOURS, {
    "coordinate descent (Lloyd)": {"algorithm": "lloyd"},
    "gradient steps, all rows": {"algorithm": "gradient", "batch_size": 2000},
    "gradient steps, 100 rows": {"algorithm": "gradient", "batch_size": 100},
}.items(), strict=False):  # fmt: skip
    ways = []
    for start in starts:
        fit = KMeans(20, init=start, tol=0, max_iter=100, random_state=0, **settings).fit(rows)
        way = np.asarray(fit.history_.losses)
        # of batches, the mean over a pass; what has ended stays where it is
        way = way.reshape(-1, 20).mean(axis=1) if len(way) > 100 else way
        ways.append(np.pad(way, (0, 100 - len(way)), mode="edge"))
    low, middle, high = np.quantile(ways, [0.25, 0.5, 0.75], axis=0)
    losses.plot(range(100), middle, color=colour, label=f"{name}: {middle[-1]:.4f}")
    losses.fill_between(range(100), low, high, color=colour, alpha=0.2)
losses.set(title=f"{len(starts)} starts: medians, middle halves", xlabel="passes over the data",
           ylabel="mean energy", yscale="log", xlim=(0, 99), ylim=(None, 0.01))  # fmt: skip
losses.legend(fontsize=8)

seeds = 2.2 * torch.rand(30, 2, generator=generator) - 1.1
way = [seeds]
descend(model.energy_, seeds, path=way)
for path in torch.stack(way, dim=1):
    closest.plot(*path.T, color=COLOURS[3], linewidth=1.2)
closest.scatter(*seeds.T, s=12, c=COLOURS[3])
closest.scatter(*model.project(seeds).T, s=30, c="white", marker="x", linewidths=1.2)

y1, y2 = 0.25, torch.linspace(-1.2, 1.2, 600)
column = torch.stack([torch.full_like(y2, y1), y2], dim=1)
heights = model.energy(column)
valleys = [k for k in range(1, 599) if heights[k] < min(heights[k - 1], heights[k + 1])]
line.plot(y2, heights, color=COLOURS[0])
line.set(title=f"F along y1 = {y1}: its valleys", xlabel="y2", ylabel="energy F", ylim=(0, 0.12))
given.axvline(y1, color="white", linewidth=1, linestyle=":")
for rank, k in enumerate(sorted(valleys, key=lambda k: heights[k])[:3], start=1):
    for axes, at in ((given, (y1, y2[k])), (line, (y2[k], heights[k]))):
        axes.plot(*at, "o", color=COLOURS[3], markersize=8, markeredgecolor="white")
        axes.annotate(str(rank), at, (7, 5), textcoords="offset points", fontsize=11,
                      color="white" if axes is given else "black")  # fmt: skip
save(drawn)
