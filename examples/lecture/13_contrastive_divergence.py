"""Contrastive divergence: kick, roll down, push up where it ends
==============================================================

A data point is kicked at random, rolls down the energy for a few steps, and where it lands the
energy is pushed up while it is pushed down on the data. Holes beside the data fill up first; once
the energy is lowest along the data, kicked points roll back towards them and little is left to
push.
"""

import torch

from thalweg.core import Batch
from thalweg.data import two_moons
from thalweg.energies import RadialBasis
from thalweg.gallery import quick, save, surface
from thalweg.objectives import ContrastiveDivergence, FromData
from thalweg.plots import COLOURS, figure
from thalweg.samplers import Langevin, run
from thalweg.training import adam, gradient_step, train

KICK, STEPS = 0.25, 60 if quick() else 2000
generator = torch.Generator().manual_seed(0)
data = two_moons(4000, generator)
# a bowl with bumps and holes at random, which training will move
energy = RadialBasis(torch.cartesian_prod(*[torch.linspace(-3, 3, 25)] * 2), width=0.25)
torch.nn.init.normal_(energy.heights, std=0.5, generator=generator)
roll = Langevin(step_size=0.02, noise=0.0)  # no noise: straight down
objective = ContrastiveDivergence(FromData(roll, n_steps=30, kick=KICK))
optimizer, schedule = adam([{"params": [energy.heights], "lr": 0.02}], STEPS)
step = gradient_step(energy, objective, optimizer, schedule)

shown = data[torch.randperm(4000, generator=generator)[:14]]
kicked = shown + KICK * torch.randn(shown.shape, generator=generator)


def trajectories(axes, title, top):
    """The energy as it is, the kick, the way down, and where it ends."""
    surface(axes, energy, 2.2, data[:300], title, top=top)
    moved = run(roll, energy, roll.init(energy, kicked), 30, generator).draws
    ways = torch.cat([kicked[:, None], moved], dim=1)
    for begin, way in zip(shown, ways, strict=True):
        axes.plot(*torch.stack([begin, way[0]]).T, ":", color="white", linewidth=1.2)
        axes.plot(*way.T, "-", color=COLOURS[1], linewidth=1.5)
    axes.plot(*shown.T, "o", color="white", markersize=5, label="from here")
    axes.plot(
        *ways[:, -1].T, "x", color=COLOURS[3], markersize=7, markeredgewidth=2, label="landed"
    )
    return ways[:, -1]


drawn = figure(15, 9, 2, 3)
begin, kick, fall, push, later, end = drawn.axes[:6]
surface(begin, energy, 2.2, data[:300], "1  before: data anywhere on the energy", top=6)
surface(kick, energy, 2.2, title="2  the kick", top=6)
for a, b in zip(shown.tolist(), kicked.tolist(), strict=True):
    kick.annotate("", b, a, arrowprops={"arrowstyle": "->", "color": "white"})
kick.plot(*shown.T, "o", color="white", markersize=5)
landed = trajectories(fall, "3  down the energy", 6)
fall.legend(loc="lower right", fontsize=8, facecolor="grey")
axis = torch.linspace(-2.2, 2.2, 100)
grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1).reshape(-1, 2)
# F is linear in the heights: minus the gradient of F(data) - F(landed), seen everywhere
pushed = energy.bumps(grid) @ (energy.bumps(landed) - energy.bumps(shown)).mean(dim=0)
reach = float(pushed.abs().max())
colours = push.contourf(axis, axis, pushed.reshape(100, 100).numpy(), cmap="RdBu_r",
                        levels=[reach * k / 12 for k in range(-12, 13)])  # fmt: skip
drawn.colorbar(colours, ax=push, fraction=0.046, label="change of F", format="%.2g")
push.plot(*shown.T, "o", color="black", markersize=5)
push.plot(*landed.T, "x", color="black", markersize=7)
push.set(title="4  up at x (landed), down at o (data)", aspect="equal",
         xlim=(-2.2, 2.2), ylim=(-2.2, 2.2))  # fmt: skip
count = 0
for axes, until, number, top in ((later, STEPS // 40, 5, 3), (end, STEPS, 6, 0.4)):
    batches = (
        Batch(data[torch.randint(4000, (128,), generator=generator)]) for _ in range(until - count)
    )
    train(step, batches, generator)
    count = until
    trajectories(axes, f"{number}  after {until} steps", top)
save(drawn)
