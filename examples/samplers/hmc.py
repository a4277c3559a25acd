"""Hamiltonian Monte Carlo beside a random walk: a push carries a chain along the valley.

python examples/samplers/hmc.py [FILE]
"""

import sys

import torch

from thalweg.core import Energy, value_and_gradient
from thalweg.plots import draw_chains, draw_landscape, figure, save_figure
from thalweg.questions import Plane, landscape
from thalweg.samplers import HMC, RandomWalk, Unit, leapfrog, run


class Banana(Energy):
    """A curved valley."""

    def forward(self, y, x=None):
        return y[:, 0].square() / 4 + 4 * (y[:, 1] - y[:, 0].square() / 4).square()


valley = Banana()
surface = landscape(valley, Plane(torch.zeros(2), torch.eye(2)), (-4, -1.5), (4, 4.5), 150)
heights = surface.energy.clamp(max=12).numpy()
drawn = figure(14, 4.2, 1, 3)
start = torch.tensor([[-3.0, 2.3]])
for axes, sampler in zip(
    drawn.axes[:2], (RandomWalk(step_size=0.3), HMC(step_size=0.15, n_steps=12)), strict=True
):
    generator = torch.Generator().manual_seed(0)
    chain = run(sampler, valley, sampler.init(valley, start), 80, generator)
    draw_landscape(axes, surface.a, surface.b, heights,
                   title=f"{type(sampler).__name__}, 80 draws")  # fmt: skip
    draw_chains(axes, chain.draws.numpy())
    print(f"{type(sampler).__name__}: {float(chain.ess_bulk().min()):.0f} effective draws of 80")
axes = drawn.axes[2]
draw_landscape(axes, surface.a, surface.b, heights, title="three trajectories")
pushes = torch.tensor([[1.5, 0.5], [2.2, -1.0], [0.3, 2.0]])
point = start.expand(3, 2)
path, grad, p = [point], value_and_gradient(valley, point)[1], pushes
for _ in range(40):
    end = leapfrog(valley, Unit(), path[-1], p, grad, 0.06)
    path.append(end.y)
    p, grad = end.p, end.grad
draw_chains(axes, torch.stack(path, dim=1).numpy())
for axes in drawn.axes[:3]:
    axes.set(xlim=(-4, 4), ylim=(-1.5, 4.5))
save_figure(drawn, sys.argv[1] if len(sys.argv) > 1 else "hmc.png")
