"""Down a curved valley: the gradient, momentum, and what the last gradients say of the curvature.

python examples/samplers/descent.py [FILE]
"""

import sys

import torch

from thalweg.core import Energy
from thalweg.plots import draw_chains, draw_landscape, figure, save_figure
from thalweg.questions import Plane, descend, landscape
from thalweg.samplers import LBFGS, GradientDescent, Nesterov


class Rosenbrock(Energy):
    """A valley along a parabola, lowest at (1, 1)."""

    def forward(self, y, x=None):
        return (1 - y[:, 0]).square() + 20 * (y[:, 1] - y[:, 0].square()).square()


valley = Rosenbrock()
surface = landscape(valley, Plane(torch.zeros(2), torch.eye(2)), (-2, -1), (2, 3), 150)
drawn = figure(13, 4.2, 1, 3)
for axes, method in zip(drawn.axes[:3], (GradientDescent(), Nesterov(), LBFGS()), strict=True):
    path = [torch.tensor([[-1.5, 2.5]], dtype=torch.float64)]
    end = descend(valley, path[0], max_steps=5000, method=method, path=path)
    draw_landscape(axes, surface.a, surface.b, surface.energy.clamp(max=100).numpy(),
                   title=f"{type(method).__name__}: {len(path) - 1} steps")  # fmt: skip
    draw_chains(axes, torch.stack(path, dim=1).numpy())
    axes.set(xlim=(-2, 2), ylim=(-1, 3))
    print(f"{type(method).__name__}: {len(path) - 1} steps to energy {float(valley(end)):.1e}")
save_figure(drawn, sys.argv[1] if len(sys.argv) > 1 else "descent.png")
