"""The ellipse of the course: 24 points, an angle that nobody saw, and two energies.

E(y, z) = (y1 - w1 cos z)^2 + (y2 - w2 sin z)^2. F is its minimum over z or, warmer, the free
energy; each is trained by gradient steps on the mean energy of the points.

python examples/lecture/ellipse.py [FILE]
"""

import math
import sys

import torch

from thalweg.core import Batch
from thalweg.energies import Reconstruction
from thalweg.latents import Box, FreeEnergy, Quadrature
from thalweg.objectives import PushDown
from thalweg.plots import draw_landscape, figure, save_figure
from thalweg.questions import Plane, landscape
from thalweg.training import gradient_step, train


class Ellipse(torch.nn.Module):
    """From an angle to a point of an ellipse about the origin."""

    def __init__(self):
        super().__init__()
        self.axes = torch.nn.Parameter(torch.tensor([0.7, 1.0]))

    def forward(self, z):
        return torch.cat([z.cos(), z.sin()], dim=-1) * self.axes


generator = torch.Generator().manual_seed(0)
angle = 2 * math.pi * torch.rand(24, 1, generator=generator)
points = torch.cat([1.9 * angle.cos(), 1.1 * angle.sin()], dim=1)
points += 0.05 * torch.randn(24, 2, generator=generator)

drawn = figure(12, 7, 2, 3)
plane = Plane(torch.zeros(2), torch.eye(2))
circle = Box(torch.zeros(1), torch.full((1,), 2 * math.pi))
for row, (name, beta) in enumerate((("F, beta infinite", math.inf), ("F, beta = 1", 1.0))):
    ellipse = Ellipse()
    energy = FreeEnergy(Reconstruction(ellipse, circle), Quadrature(96), beta)
    for column in (0, 1):
        with torch.no_grad():
            surface = landscape(energy, plane, (-2.6, -2.0), (2.6, 2.0), 120)
            curve = ellipse(torch.linspace(0, 2 * math.pi, 96)[:, None])
        draw_landscape(
            drawn.axes[3 * row + column], surface.a, surface.b, surface.energy.numpy(),
            points.numpy(), None, f"{name}, {('before', 'after')[column]} training",
        )  # fmt: skip
        drawn.axes[3 * row + column].plot(*curve.T, color="white", linewidth=1)
        if column == 0:
            step = gradient_step(energy, PushDown(), torch.optim.Adam(ellipse.parameters(), 0.05))
            history = train(step, [Batch(points)] * 300, generator)
    drawn.axes[3 * row + 2].plot(history.losses)
    drawn.axes[3 * row + 2].set(title="mean energy of the points", xlabel="step")
    w1, w2 = ellipse.axes.detach().abs().tolist()
    print(f"{name}: axes {w1:.2f} and {w2:.2f} (drawn from 1.90 and 1.10)")
save_figure(drawn, sys.argv[1] if len(sys.argv) > 1 else "ellipse.png")
