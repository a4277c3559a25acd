"""Four ways to a free energy, held against a closed form, and F_beta against beta.

For E(y, z) = |y - zW|^2 / 2 s^2 + |z|^2 / 2 the integral over z is known. The last columns are of a
decoder that is a network, against a grid of 4000 points. With an integral over z, F_beta also
counts how much room z has at that beta: that is why it passes above F before it comes down to it.

python examples/free_energy.py [FILE]
"""

import math
import sys

import torch

from thalweg.energies import Affine, Perceptron, Reconstruction, SquaredError
from thalweg.latents import (
    Descent,
    FreeEnergy,
    Gaussian,
    Importance,
    Laplace,
    LeastSquares,
    Quadrature,
)
from thalweg.plots import figure, save_figure

generator = torch.Generator().manual_seed(0)
weight = torch.randn(2, 4, generator=generator, dtype=torch.float64)
y = torch.randn(200, 4, generator=generator, dtype=torch.float64)
noise = 0.5
linear = Reconstruction(Affine(weight), Gaussian(2), SquaredError(0.5 / noise**2)).double()
network = Perceptron((1, 16, 4), generator=generator)
curved = Reconstruction(network, Gaussian(1), SquaredError(0.5 / noise**2)).double()


def closed_form(beta):
    """-1/beta log of the integral, up to the normalizers that E leaves out."""
    inner = torch.eye(2, dtype=torch.float64) + weight @ weight.T / noise**2
    along = y @ weight.T / noise**2
    lowest = 0.5 * y.square().sum(1) / noise**2
    lowest = lowest - 0.5 * (along * torch.linalg.solve(inner, along.T).T).sum(1)
    return lowest + 0.5 / beta * (torch.logdet(inner) + 2 * math.log(beta / (2 * math.pi)))


ways = {
    "quadrature, 20 a side": lambda least: Quadrature(20),
    "quadrature, 80 a side": lambda least: Quadrature(80),
    "importance, 1000 from the prior": lambda least: Importance(1000),
    "importance, 100 around the minimum": lambda least: Importance(100, Laplace(least)),
    "Laplace": Laplace,
}
print("| way | largest error, linear, beta = 1 | beta = 10 | curved, beta = 1 | beta = 10 |")
print("|---|---|---|---|---|")
for name, make in ways.items():
    cells = []
    for energy, least in ((linear, LeastSquares()), (curved, Descent(8, 500, 1e-8))):
        for beta in (1.0, 10.0):
            with torch.no_grad():
                value = FreeEnergy(energy, make(least), beta)(y)
                exact = (closed_form(beta) if energy is linear
                         else FreeEnergy(energy, Quadrature(4000), beta)(y))  # fmt: skip
            cells.append(f"{float((value - exact).abs().max()):.1e}")
    print(f"| {name} | " + " | ".join(cells) + " |")

betas = torch.logspace(-1.3, 2, 40)
drawn = figure(6.4, 4.4)
with torch.no_grad():
    lowest = FreeEnergy(linear, LeastSquares())(y).mean()
    values = [FreeEnergy(linear, Quadrature(200), float(b))(y).mean() for b in betas]
    found = [FreeEnergy(linear, Laplace(LeastSquares()), float(b))(y).mean() for b in betas]
drawn.axes[0].semilogx(betas, values, label="F_beta, quadrature")
drawn.axes[0].semilogx(betas, found, ":", label="F_beta, Laplace")
drawn.axes[0].axhline(float(lowest), color="grey", linewidth=0.8, label="F = min E")
drawn.axes[0].set(xlabel="beta", ylabel="mean energy")
drawn.axes[0].legend()
save_figure(drawn, sys.argv[1] if len(sys.argv) > 1 else "free_energy.png")
