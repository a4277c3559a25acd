r"""Contrastive divergence: kick, roll down, push up where it ends
==============================================================

.. math::
    L = F(y) - F(\hat y), \qquad \hat y = \text{a few steps down } F \text{ from } y + \epsilon

A data point is kicked, rolls down the energy for a few steps, and where it lands the energy is
pushed up while it is pushed down on the data. Holes beside the data fill up first; once the energy
is lowest along the data, kicked points roll back towards them and little is left to push.
"""

import torch
from matplotlib.figure import Figure

from thalweg.core import Batch
from thalweg.data import two_moons
from thalweg.energies import RadialBasis
from thalweg.gallery import change, quick, save, surface
from thalweg.objectives import ContrastiveDivergence, FromData
from thalweg.plots import COLOURS
from thalweg.samplers import Langevin, run
from thalweg.training import adam, gradient_step, train

KICK, STEPS, GREEN = 0.25, 100 if quick() else 1500, "#2ee66b"
generator = torch.Generator().manual_seed(0)
data = two_moons(4000, generator)
# a bowl with bumps and holes at random, which training will move
energy = RadialBasis(torch.cartesian_prod(*[torch.linspace(-3, 3, 25)] * 2), width=0.25)
torch.nn.init.normal_(energy.heights, std=0.5, generator=generator)
roll = Langevin(step_size=0.02, noise=0.0)  # no noise: straight down
objective = ContrastiveDivergence(FromData(roll, n_steps=5, kick=KICK))  # L = F(y) - F(y^)
step = gradient_step(energy, objective, *adam([{"params": [energy.heights], "lr": 0.02}], STEPS))

shown = data[torch.randperm(4000, generator=generator)[:14]]
kicked = shown + KICK * torch.randn(shown.shape, generator=generator)
points = torch.cartesian_prod(*[torch.linspace(-2, 2, 60)] * 2)
near = torch.cdist(points, data).min(dim=1).values
beside = points[(near > 0.25) & (near < 0.5)]


def trajectories(axes, title, top):
    """The energy as it is, the kick, five steps down, and where they end."""
    moved = run(roll, energy, roll.init(energy, kicked), 5, generator).draws
    ways = torch.cat([kicked[:, None], moved], dim=1)  # (14, 6, 2)
    surface(axes, energy, 2.2, data[:300], title, top)
    for begin, way in zip(shown, ways, strict=True):
        axes.plot(*torch.stack([begin, way[0]]).T, ":", color="white", linewidth=1.2)
        axes.plot(*way.T, color=GREEN, linewidth=1.8)
    axes.plot(*ways[:, -1].T, "x", color=COLOURS[3], markersize=7, markeredgewidth=2)
    return ways


drawn = Figure(figsize=(16, 8), dpi=120, layout="constrained")
one, begin, end, push, levels = drawn.subplot_mosaic("AABC;AADE").values()
ways = trajectories(begin, "before: they land in holes", 5)
chosen = int((kicked - ways[:, -1]).norm(dim=1).argmax())
y, way, landed = shown[chosen].tolist(), ways[chosen], ways[:, -1]
surface(one, energy, 3.2, data, "one data point: kicked, five steps down, landed", 5, 400)
one.set(xlim=(y[0] - 0.8, y[0] + 0.8), ylim=(y[1] - 0.8, y[1] + 0.8))
one.annotate("", way[0], y, arrowprops={"arrowstyle": "->", "color": "white", "lw": 2.5})
one.plot(*way.T, "o-", color=GREEN, linewidth=3)
for at, text in ((y, "y: pushed down"), (way[0], "kicked"), (way[-1], "landed: pushed up")):
    one.plot(*at, "o", color="white", markersize=11, markeredgecolor="black")
    one.annotate(text, at, (12, 8), textcoords="offset points", color="white", fontsize=15)
with torch.no_grad():  # F is linear in its heights: minus the gradient of L, seen everywhere
    pushed = (energy.bumps(landed) - energy.bumps(shown)).mean(dim=0)
change(push, lambda rows: energy.bumps(rows) @ pushed, 2.2, "a step: up at x (landed), down at o")
push.plot(*shown.T, "o", *landed.T, "x", color="black")
heights = []
for _ in range(50):
    with torch.no_grad():
        heights.append([float(energy(rows).median()) for rows in (data, beside)])
    order = torch.randint(4000, (STEPS // 50, 128), generator=generator)
    train(step, (Batch(data[rows]) for rows in order), generator)
trajectories(end, f"after {STEPS} steps: they roll back", 2)
names = [f"data: {heights[-1][0]:.2f}", f"beside: {heights[-1][1]:.2f}"]
levels.plot(range(0, STEPS, STEPS // 50), heights, label=names)
levels.set(title="median energy: a gap opens", xlabel="step", ylabel="F")
levels.legend()
save(drawn)
