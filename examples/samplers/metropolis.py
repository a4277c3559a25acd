"""Random-walk Metropolis on two wells: small steps that are taken, large ones that are not.

python examples/samplers/metropolis.py [FILE]
"""

import sys

import torch

from thalweg.energies import TwoWells
from thalweg.plots import draw_chains, draw_landscape, figure, save_figure
from thalweg.questions import Plane, landscape
from thalweg.samplers import RandomWalk, run

wells = TwoWells(height=3.0)
surface = landscape(wells, Plane(torch.zeros(2), torch.eye(2)), (-2, -2.5), (2, 2.5), 120)
drawn = figure(13, 4.2, 1, 3)
for axes, step in zip(drawn.axes[:3], (0.1, 0.8, 4.0), strict=True):
    generator = torch.Generator().manual_seed(0)
    sampler = RandomWalk(step_size=step)
    state = sampler.init(wells, torch.tensor([[-1.0, 2.0]]))
    chain = run(sampler, wells, state, 300, generator)
    share = float((chain.draws[:, 1:] != chain.draws[:, :-1]).any(dim=2).double().mean())
    draw_landscape(axes, surface.a, surface.b, surface.energy.numpy(),
                   title=f"step size {step:g}: {share:.0%} of the steps were taken")  # fmt: skip
    draw_chains(axes, chain.draws.numpy())
    axes.set(xlim=(-2, 2), ylim=(-2.5, 2.5))
    print(f"step size {step:g}: effective draws of 300: {float(chain.ess_bulk().min()):.0f}")
save_figure(drawn, sys.argv[1] if len(sys.argv) > 1 else "metropolis.png")
