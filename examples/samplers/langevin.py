"""Langevin dynamics: with the right noise, with too little, and with a check of every step.

python examples/samplers/langevin.py [FILE]
"""

import sys

import torch

from thalweg.energies import TwoWells
from thalweg.plots import draw_chains, draw_landscape, figure, save_figure
from thalweg.questions import Plane, landscape
from thalweg.samplers import MALA, Langevin, run

wells = TwoWells(height=3.0)
surface = landscape(wells, Plane(torch.zeros(2), torch.eye(2)), (-2, -2.5), (2, 2.5), 120)
ways = {
    "unadjusted": Langevin(step_size=0.02),
    "short-run: little noise, it only descends": Langevin(step_size=0.02, noise=0.02),
    "adjusted (MALA)": MALA(step_size=0.1),
}
drawn = figure(13, 4.2, 1, 3)
for axes, (name, sampler) in zip(drawn.axes[:3], ways.items(), strict=True):
    generator = torch.Generator().manual_seed(0)
    start = torch.tensor([[-0.2, 2.2], [0.3, -2.2]])
    chain = run(sampler, wells, sampler.init(wells, start), 300, generator)
    draw_landscape(axes, surface.a, surface.b, surface.energy.numpy(), title=name)
    draw_chains(axes, chain.draws.numpy())
    axes.set(xlim=(-2, 2), ylim=(-2.5, 2.5))
    spread = chain.draws[:, 50:, 1].std()
    print(f"{name}: spread along the parabola {float(spread):.2f} (of the density: 1)")
save_figure(drawn, sys.argv[1] if len(sys.argv) > 1 else "langevin.png")
