r"""A latent variable: a set of predictions, and the energy of the nearest
======================================================================

.. math::
    F(x, y) = \min_z E(x, y, z), \quad F_\beta = -\tfrac{1}{\beta} \log \int e^{-\beta E} \, dz

Given x, the prediction moves along an ellipse as the angle z varies, and F(x, y) is the squared
distance from y to the nearest of these predictions; with no x there is one ellipse and F(y). The
free energy counts all z by their room: above F where less than one unit of z comes near the least.
"""

import torch

from thalweg.core import Batch
from thalweg.energies import Perceptron, Reconstruction
from thalweg.gallery import quick, save, surface
from thalweg.latents import Box, FreeEnergy, Quadrature
from thalweg.objectives import PushDown
from thalweg.plots import COLOURS, Node, draw_diagram, figure
from thalweg.training import gradient_step, train


class Ellipse(Perceptron):
    def forward(self, z, x=None):
        axes = super().forward(torch.zeros(1) if x is None else x)
        return torch.cat([z.cos(), z.sin()], dim=-1) * axes


generator = torch.Generator().manual_seed(0)
x, angle = torch.rand(300, 1, generator=generator), torch.linspace(0, 63, 300)[:, None]
way, noise = torch.cat([angle.cos(), angle.sin()], 1), torch.randn(300, 2, generator=generator)
sizes = torch.cat([0.6 + x, 1.4 - x], 1), torch.tensor([1.9, 1.1])
horn, ring = (size * way + 0.05 * noise for size in sizes)


def fitted(batch):
    space = Box(torch.zeros(1), torch.tensor([2 * torch.pi]))
    energy = Reconstruction(Ellipse((1, 16, 2), generator=generator), space)
    optimizer = torch.optim.Adam(energy.parameters(), 0.02)
    step = gradient_step(FreeEnergy(energy, Quadrature(96)), PushDown(), optimizer)
    train(step, [batch] * (300 if quick() else 1000), generator)
    return energy.requires_grad_(False)


given, alone, drawn = fitted(Batch(horn, x)), fitted(Batch(ring)), figure(17, 8, 2, 4)
boxes, every, along, slices, alone_boxes, valley, line, tends = drawn.axes
nodes = {"z": Node(0.1, 0.75, "z", "latent"), "g": Node(0.45, 0.5, "ellipse"),
         "E": Node(0.85, 0.5, "E", "cost"), "y": Node(0.85, 0.15, "y", "observed")}  # fmt: skip
arrows, given_x = [("z", "g"), ("g", "E"), ("y", "E")], {"x": Node(0.1, 0.25, "x", "observed")}
draw_diagram(boxes, nodes | given_x, [*arrows, ("x", "g")], "F(x, y): x is given")
draw_diagram(alone_boxes, nodes, arrows, "F(y): z is not seen, and minimized out")
z, y = torch.linspace(0, 2 * torch.pi, 400)[:, None], torch.tensor([[0.4, 0.25]])
for value, colour in zip((0.0, 0.5, 1.0), COLOURS, strict=False):
    predictions = given.decoder(z, torch.full((400, 1), value))
    energy = (y - predictions).square().sum(dim=1)  # E(x, y, z): (400,)
    every.plot(*predictions.T, color=colour, label=f"x = {value:g}")
    best = energy.argmin()
    every.plot(*torch.stack([y[0], predictions[best]]).T, "o:", color=colour, markersize=5)
    along.plot(z, energy, "-", z[best], energy[best], "o", color=colour)
every.plot(*y.T, "o", color="black", label="y")
every.set(title="all predictions, the nearest to y", aspect="equal", ylim=(-1.6, 2.7))
along.set(title="E(x, y, z) for that y; dots: F(x, y)", xlabel="z")
free = FreeEnergy(given, Quadrature(96))
surface(slices, lambda rows: free(rows[:, 1:] * torch.eye(2)[:1], rows[:, :1]), (1, 2), top=2)
slices.set(title="F(x, y) at y2 = 0", aspect="auto", xlim=(0, 1), xlabel="x", ylabel="y1")
surface(valley, FreeEnergy(alone, Quadrature(96)), (2.6, 2), ring, "unconditional: F(y)")
t, betas = torch.linspace(-2.6, 2.6, 201)[:, None], [*torch.logspace(-0.5, 3, 40), torch.inf]
for beta, colour in zip((torch.inf, 30.0, 3.0, 1.0), ("black", *COLOURS), strict=False):
    energy = FreeEnergy(alone, Quadrature(200), beta)(t * torch.eye(2)[:1])
    line.plot(t, energy, color=colour, label=f"beta = {beta:g}")
line.set(title="F_beta along y2 = 0", xlabel="y1")
for y1, colour in zip((0.0, 1.0, 1.9), COLOURS, strict=False):
    free = (FreeEnergy(alone, Quadrature(400), float(beta)) for beta in betas)
    *values, least = (energy(torch.tensor([[y1, 0.0]])) for energy in free)
    tends.semilogx(betas[:-1], values, color=colour, label=f"F_beta at y1 = {y1:g}")
    tends.axhline(least, color=colour, linestyle=":")
tends.set(title="F_beta tends to F (dotted)", xlabel="beta", ylim=(-3, 1.6))
for axes in (every, line, tends):
    axes.legend(fontsize=8)
save(drawn)
