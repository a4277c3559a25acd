"""Two classes of methods, seven strategies, one data set
======================================================

All seven make the energy low on the data; they differ in how they keep it high elsewhere.
Contrastive ones (above) push it up: everywhere, at chosen points, or by mapping spoiled points
back; architectural ones (below) leave little room to be low in: a bounded volume, a price on z, a
reconstruction that varies little (these two still leave the gap between the moons low), a small
slope with a large curvature at the data.
"""

import numpy as np
import torch

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
        32, noise=0.2, n_steps=4 * STEPS, random_state=0),
    "A1 bounded volume: K-means": KMeans(20, random_state=0),
    "A2 a price on z: variational autoencoder": VariationalAutoencoder(
        2, hidden=(128, 128), n_steps=4 * STEPS, random_state=0),
    "A3 kept constant: contracting autoencoder": ContractiveAutoencoder(
        8, contraction=0.03, n_steps=4 * STEPS, random_state=0),
    "A4 small slope, large curvature: score matching": density("score-matching"),
}  # fmt: skip
drawn = figure(17, 7.4, 2, 4)
elsewhere = np.random.default_rng(0).uniform(-2.4, 2.4, (4000, 2)).astype(np.float32)
away = torch.cdist(torch.from_numpy(elsewhere), rows).min(dim=1).values > 0.2
elsewhere = elsewhere[away.numpy()]
for axes, (title, model) in zip(drawn.axes[:8], models.items(), strict=True):
    low, high = model.fit(rows).energy(rows), model.energy(elsewhere)
    below = np.mean(low[:, None] < high[None, :])
    # what lies far from the data would take all the colours
    top = float(np.quantile(high, 0.4) - min(low.min(), high.min()))
    surface(axes, model.energy_, 2.4, rows[:300], title, max(top, 1e-6))
    axes.set(xlabel=f"data below points 0.2 away from them: {below:.1%}", ylabel="")
save(drawn)
