r"""Two classes of methods, seven strategies, one data set
======================================================

.. math::
    F(\text{data}) \text{ low}, \qquad F(\text{elsewhere}) \text{ not}

All seven make the energy low on the data; they differ in how they keep it high elsewhere, and the
hard place is the gap between the moons. Contrastive ones (above) push it up: everywhere, at chosen
points, or by mapping spoiled points back; architectural ones (below) leave little room to be low
in: a bounded volume, a price on z, a reconstruction that varies little, a small slope with a large
curvature at the data.
"""

import numpy as np
import torch
from scipy.spatial import Delaunay

from thalweg.data import two_moons
from thalweg.estimators import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    EnergyDensity,
    KMeans,
    VariationalAutoencoder,
)
from thalweg.gallery import quick, save, surface
from thalweg.plots import figure

STEPS = 25 if quick() else 1500
rows = two_moons(1000 if quick() else 4000, torch.Generator().manual_seed(0))


def density(objective):
    return EnergyDensity(objective, hidden=(64, 64), n_steps=STEPS, random_state=0)


models = {
    "C1 everywhere: maximum likelihood": density("maximum-likelihood"),
    "C2 chosen points: noise contrastive": density("noise-contrastive"),
    "C2 chosen points: persistent CD": density("persistent-contrastive-divergence"),
    "C3 mapping back: denoising autoencoder": DenoisingAutoencoder(
        64, hidden=(128, 128), noise=0.15, n_steps=3 * STEPS, random_state=0),
    "A1 bounded volume: K-means": KMeans(20, random_state=0),
    "A2 a price on z: variational autoencoder": VariationalAutoencoder(
        2, hidden=(128, 128), n_steps=3 * STEPS, random_state=0),
    "A3 kept constant: contracting autoencoder": ContractiveAutoencoder(
        8, contraction=0.03, n_steps=3 * STEPS, random_state=0),
    "A4 small slope, large curvature: score matching": density("score-matching"),
}  # fmt: skip
grid = torch.cartesian_prod(*[torch.linspace(-2.4, 2.4, 120)] * 2)
away = torch.cdist(grid, rows).min(dim=1).values > 0.2
within = torch.from_numpy(Delaunay(rows.numpy()).find_simplex(grid.numpy()) >= 0)
gap = grid[away & within]  # between the moons: inside their hull, and 0.2 away from all rows
drawn = figure(17, 7.6, 2, 4)
for axes, (title, model) in zip(drawn.axes[:8], models.items(), strict=True):
    low, high = model.fit(rows).energy(rows), model.energy(gap)
    below = np.mean(low[:, None] < high)
    # one rule for all: from the lowest to twice as high as the gap is in the median
    top = 2 * float(np.median(high) - low.min())
    surface(axes, model.energy_, 2.4, rows[:300], title, max(top, 1e-6))
    axes.contour(*[np.linspace(-2.4, 2.4, 120)] * 2, model.energy(grid).reshape(120, 120).T,
                 [np.quantile(low, 0.95)], colors="white", linewidths=1.2)  # fmt: skip
    axes.set(xlabel=f"data below the gap: {below:.1%}", ylabel="")
drawn.suptitle("white lines: below them lie 95% of the data", fontsize=11)
save(drawn)
