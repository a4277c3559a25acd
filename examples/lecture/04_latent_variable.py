"""A latent variable: a set of predictions, and the energy of the nearest
======================================================================

Given x, the prediction moves along an ellipse as the angle z varies, and F(x, y) is the squared
distance from y to the nearest of these predictions; with no x there is one ellipse and F(y). The
free energy F_beta counts all z (and their room, as an integral) and tends to F as beta grows.
"""

import math

import torch

from thalweg.core import Batch
from thalweg.energies import Perceptron, Reconstruction
from thalweg.gallery import quick, save, surface
from thalweg.latents import Box, FreeEnergy, Quadrature
from thalweg.objectives import PushDown
from thalweg.plots import COLOURS, draw_landscape, figure
from thalweg.training import gradient_step, train


class Ellipse(Perceptron):
    """From an angle z, and from x, to a point of an ellipse about the origin."""

    def forward(self, z, x=None):
        axes = super().forward(torch.zeros(1) if x is None else x)
        return torch.cat([z.cos(), z.sin()], dim=-1) * axes


generator = torch.Generator().manual_seed(0)
x, angle = torch.rand(300, 1, generator=generator), torch.linspace(0, 20 * math.pi, 300)[:, None]
noise = 0.05 * torch.randn(300, 2, generator=generator)
horn = torch.cat([(0.6 + x) * angle.cos(), (1.4 - x) * angle.sin()], dim=1) + noise
ring = torch.cat([1.9 * angle.cos(), 1.1 * angle.sin()], dim=1) + noise


def fitted(batch):
    """E(x, y, z) = |y - ellipse(z, x)|^2, trained by pushing down F, its minimum over z."""
    ellipse = Ellipse((1, 16, 2), generator=generator)
    energy = Reconstruction(ellipse, Box(torch.zeros(1), torch.full((1,), 2 * math.pi)))
    step = gradient_step(FreeEnergy(energy, Quadrature(96)), PushDown(),
                         torch.optim.Adam(ellipse.parameters(), 0.02))  # fmt: skip
    train(step, [batch] * (300 if quick() else 1000), generator)
    return energy.requires_grad_(False)


given, alone = fitted(Batch(horn, x)), fitted(Batch(ring))
drawn = figure(13.5, 8, 2, 3)
every, along, slices, valley, line, tends = drawn.axes[:6]
z, y = torch.linspace(0, 2 * math.pi, 400)[:, None], torch.tensor([[0.4, 0.25]])
for value, colour in zip((0.0, 0.5, 1.0), COLOURS, strict=False):
    predictions = given.decoder(z, torch.full((400, 1), value))
    energy = given(y.expand(400, 2), z, torch.full((400, 1), value))
    best = energy.argmin()
    every.plot(*predictions.T, color=colour, label=f"x = {value:g}")
    every.plot(*torch.stack([y[0], predictions[best]]).T, "o:", color=colour, markersize=5)
    along.plot(z, energy, "-", z[best], energy[best], "o", color=colour)
every.plot(*y.T, "o", color="black", label="y")
every.set(title="all predictions, the nearest to y", xlabel="y1", aspect="equal", ylim=(-1.6, 2.7))
along.set(title="E(x, y, z) for that y; dots: F(x, y)", xlabel="z", ylabel="energy")
b, a = torch.meshgrid(torch.linspace(-2, 2, 120), torch.linspace(0, 1, 60), indexing="ij")
points = torch.stack([b.flatten(), torch.zeros(7200)], dim=1)
energy = FreeEnergy(given, Quadrature(96))(points, a.reshape(-1, 1)).reshape(120, 60)
draw_landscape(slices, a[0], b[:, 0], energy.numpy(), title="conditional: F(x, y), y2 = 0")
slices.set(xlabel="x", ylabel="y1")
surface(valley, FreeEnergy(alone, Quadrature(96)), (2.6, 2), ring, "unconditional: F(y)")
t, betas = torch.linspace(-2.6, 2.6, 201), torch.logspace(-0.5, 3, 40)
for beta, colour in zip((math.inf, 30.0, 3.0, 1.0), ("black", *COLOURS), strict=False):
    energy = FreeEnergy(alone, Quadrature(200), beta)(torch.stack([t, torch.zeros(201)], dim=1))
    line.plot(t, energy, color=colour, label="F" if beta == math.inf else f"beta = {beta:g}")
line.set(title="F_beta along y2 = 0", xlabel="y1", ylabel="energy")
for y1, colour in zip((0.0, 1.0, 1.9), COLOURS, strict=False):
    values = [FreeEnergy(alone, Quadrature(400), float(beta))(torch.tensor([[y1, 0.0]]))
              for beta in (*betas, math.inf)]  # fmt: skip
    tends.semilogx(betas, values[:-1], color=colour, label=f"F_beta at y1 = {y1:g}")
    tends.axhline(values[-1], color=colour, linestyle=":")
tends.set(title="F_beta tends to F (dotted)", xlabel="beta", ylabel="energy", ylim=(-3, 1.6))
for axes in (every, line, tends):
    axes.legend(fontsize=8)
save(drawn)
