"""Between two wells: a chain that stays, and a ladder of temperatures that brings it across.

python examples/samplers/tempering.py [FILE]
"""

import sys

import torch

from thalweg.energies import TwoWells
from thalweg.plots import draw_chains, draw_landscape, figure, save_figure
from thalweg.questions import Plane, landscape
from thalweg.samplers import MALA, ParallelTempering, run

wells = TwoWells(height=12.0)
surface = landscape(wells, Plane(torch.zeros(2), torch.eye(2)), (-2, -2.5), (2, 2.5), 120)
start = torch.tensor([[-1.0, 0.0]])
ladder = ParallelTempering(MALA(), (1.0, 0.4, 0.2, 0.1, 0.05))
drawn = figure(13, 4.2, 1, 3)
for axes, sampler in zip(drawn.axes, (MALA(0.03), ladder), strict=False):
    generator = torch.Generator().manual_seed(0)
    warm, state = sampler.warm_up(wells, sampler.init(wells, start), 500, generator)
    chain = run(warm, wells, state, 1000, generator)
    right = float((chain.draws[..., 0] > 0).double().mean())
    name = "one temperature" if isinstance(warm, MALA) else "five temperatures, the coldest shown"
    draw_landscape(axes, surface.a, surface.b, surface.energy.numpy(),
                   title=f"{name}: {right:.0%} on the right")  # fmt: skip
    draw_chains(axes, chain.draws[:, :300].numpy())
    axes.set(xlim=(-2, 2), ylim=(-2.5, 2.5))
    print(f"{name}: share on the right {right:.2f} (of the density: 0.50)")
axes = drawn.axes[2]
for beta in warm.betas:
    line = torch.linspace(-1.8, 1.8, 400)
    height = (-beta * wells(torch.stack([line, torch.zeros(400)], dim=1))).exp()
    axes.plot(line, height / height.sum() / (line[1] - line[0]), label=f"beta = {beta:.2f}")
axes.legend(frameon=False, loc="upper center")
axes.set_title("densities of the rungs, spaced by warm-up", fontsize=10)
axes.set(xlabel="first coordinate")
save_figure(drawn, sys.argv[1] if len(sys.argv) > 1 else "tempering.png")
