"""Contrastive methods: data pushed down, chosen points pushed up
==============================================================

One step of a margin loss lowers the energy around the data and raises it around points chosen to be
elsewhere, here draws from a wide normal density. After many steps the data lie in a valley, below
the chosen points by the margin wherever these do not fall on the data themselves.
"""

import copy

import numpy as np
import torch

from thalweg.core import Batch
from thalweg.data import two_spirals
from thalweg.energies import NetworkEnergy, Normal, Perceptron
from thalweg.gallery import quick, save, surface
from thalweg.objectives import FromNoise, Hinge
from thalweg.plots import COLOURS, figure
from thalweg.training import adam, gradient_step, train

STEPS = 600 if quick() else 5000
generator = torch.Generator().manual_seed(0)
data = two_spirals(4000, generator)
wide = Normal(torch.zeros(2), 2.0 * torch.eye(2))
points = wide.draw(300, generator)
energy = NetworkEnergy(Perceptron((2, 128, 128, 1), generator=generator, detail=8.0), 0.1)
before = copy.deepcopy(energy).requires_grad_(False)
objective = Hinge(FromNoise(wide), margin=2.0)


drawn = figure(16, 8, 2, 3)
first, change, after, cut, histogram, loss = drawn.axes[:6]
surface(first, before, 3, data[:300], "before")
first.scatter(*points.T, s=14, c=COLOURS[3], marker="x", linewidths=1, label="chosen points")
first.legend(loc="lower right", fontsize=8, facecolor="grey")
once = copy.deepcopy(energy)
step = gradient_step(once, objective, torch.optim.SGD(once.parameters(), 0.002))
step(Batch(data), generator)
axis = torch.linspace(-3, 3, 120)
grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1).reshape(-1, 2)
with torch.no_grad():
    moved = once(grid) - before(grid)
    moved -= (once(data) - before(data)).mean() / 2 + (once(points) - before(points)).mean() / 2
reach = float(moved.abs().max())
shown = change.contourf(axis, axis, moved.reshape(120, 120).numpy(), np.linspace(-reach, reach, 25),
                        cmap="RdBu_r")  # fmt: skip
drawn.colorbar(shown, ax=change, fraction=0.046, label="change of F", format="%.2g")
change.plot(*data[:300].T, ".", color="black", markersize=2)
change.set(title="what one step changes (0: half way between the kinds)", aspect="equal")

optimizer, schedule = adam([{"params": list(energy.parameters()), "lr": 0.002}], STEPS)
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
