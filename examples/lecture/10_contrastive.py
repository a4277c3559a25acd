r"""Contrastive methods: data pushed down, chosen points pushed up
==============================================================

.. math::
    L = \max(0, \; m + F(y) - F(\hat y)), \qquad \hat y \text{ chosen to be elsewhere}

One step of a margin loss lowers the energy around the data and raises it around points chosen to be
elsewhere, here draws from a wide normal density. After many steps the data lie in a valley, below
the chosen points by the margin wherever these do not fall on the data themselves.
"""

import copy

import numpy as np
import torch

from thalweg.core import Batch
from thalweg.data import two_spirals
from thalweg.energies import Normal, RadialBasis
from thalweg.gallery import change, quick, save, surface
from thalweg.objectives import FromNoise, Hinge
from thalweg.plots import COLOURS, figure
from thalweg.training import adam, gradient_step, train

STEPS = 150 if quick() else 1500
generator = torch.Generator().manual_seed(0)
data = two_spirals(4000, generator)
wide = Normal(torch.zeros(2), 2.0 * torch.eye(2))
points = wide.draw(300, generator)
# F is linear in the heights of 1,600 bumps: each step moves what is near, and nothing else
energy = RadialBasis(torch.cartesian_prod(*[torch.linspace(-3, 3, 40)] * 2), width=0.15)
before = copy.deepcopy(energy).requires_grad_(False)
objective = Hinge(FromNoise(wide), margin=2.0)  # L = max(0, 2 + F(y) - F(y^))


drawn = figure(16, 8, 2, 3)
first, changed, after, cut, histogram, loss = drawn.axes[:6]
surface(first, before, 3, data[:300], "before")
first.scatter(*points.T, s=14, c=COLOURS[3], marker="x", linewidths=1, label="chosen points")
first.legend(loc="lower right", fontsize=8, facecolor="grey")
once = copy.deepcopy(energy)
step = gradient_step(once, objective, torch.optim.SGD([once.heights], 1.0))
step(Batch(data), generator)
with torch.no_grad():
    change(changed, lambda rows: once(rows) - before(rows), 3, "what one step changes")
changed.plot(*data[:300].T, ".", *points.T, "x", color="black", markersize=3)
optimizer, schedule = adam([{"params": [energy.heights], "lr": 0.02}], STEPS)
batches = (Batch(data[torch.randint(4000, (256,), generator=generator)]) for _ in range(STEPS))
history = train(gradient_step(energy, objective, optimizer, schedule), batches, generator)
surface(after, energy, 3, data[:300], "after", top=12)
line = torch.stack([torch.zeros(300), torch.linspace(-3, 3, 300)], dim=1)
bins = np.linspace(-3, 8, 45)
with torch.no_grad():
    for each, colour, name in ((before, "grey", "before"), (energy, COLOURS[0], "after")):
        cut.plot(line[:, 1], each(line), color=colour, label=name)
    chosen = wide.draw(4000, generator)
    away = torch.cdist(chosen, data).min(dim=1).values > 0.1
    margin = (energy(data)[:, None] + 2 < energy(chosen[away])).float().mean()
    kinds = {"data": data, "chosen points on the data": chosen[~away],
             f"others: above by 2 in {margin:.0%}": chosen[away]}  # fmt: skip
    for colour, (name, rows) in zip((0, 1, 3), kinds.items(), strict=True):
        values = energy(rows).clamp(max=8).numpy()
        histogram.hist(values, bins, color=COLOURS[colour], alpha=0.6, label=name)
cut.set(title="a cut along y1 = 0", xlabel="y2", ylabel="F", ylim=(-4, 15))
histogram.set(title="energies after training (above 8: at 8)", xlabel="F")
loss.plot(history.losses, color=COLOURS[0])
loss.set(title="hinge loss", xlabel="step")
for axes in (cut, histogram):
    axes.legend(fontsize=8)
save(drawn)
