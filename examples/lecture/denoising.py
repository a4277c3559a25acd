"""A denoising autoencoder on the spiral: field, energy, and how the energy grows off the curve.

python examples/lecture/denoising.py [FILE]

Left: where each point of the plane is sent, g(f(y)) - y, over the energy ||y - g(f(y))||^2. Right:
the mean energy at a distance from the curve, over that on it; slope 2 is quadratic growth.
"""

import math
import sys

import numpy as np
import torch
from matplotlib.figure import Figure

from thalweg import questions
from thalweg.data import spiral
from thalweg.estimators import DenoisingAutoencoder
from thalweg.plots import draw_landscape, save_figure

NOISE = 0.2

rows = spiral(5000, torch.Generator().manual_seed(0)).double()
model = DenoisingAutoencoder(32, noise=NOISE, n_steps=1500, random_state=0).fit(rows)
sigma = NOISE * float(rows.std(dim=0).mean())

figure = Figure(figsize=(10, 4.6), layout="constrained")
left, right = figure.subplots(1, 2)
plane = questions.plane_of(rows)
drawn = questions.landscape(model.energy_, plane, (-1.1, -0.9), (1.0, 1.1), 120)
at = plane.coordinates(rows[:800]).numpy()
# far corners would take all of the colours
draw_landscape(left, drawn.a, drawn.b, np.minimum(drawn.energy.numpy(), 0.25), at)
grid = np.stack(np.meshgrid(np.linspace(-1.0, 0.9, 20), np.linspace(-0.8, 1.0, 20)), axis=-1)
grid = grid.reshape(-1, 2)
points = plane.points(torch.from_numpy(grid)).numpy()
sent = torch.from_numpy(model.inverse_transform(model.transform(points)))
field = plane.coordinates(sent).numpy() - grid
left.quiver(*grid.T, *field.T, angles="xy", scale_units="xy", scale=2, width=0.003, color="black")
left.set(title="where each point is sent (arrows: half the way)", aspect="equal")

t = np.linspace(0.35, 0.95, 200) * 3 * math.pi
curve = t[:, None] / (3 * math.pi) * np.stack([np.cos(t), np.sin(t)], axis=1)
along = np.stack([np.cos(t) - t * np.sin(t), np.sin(t) + t * np.cos(t)], axis=1)
normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.linalg.norm(along, axis=1)[:, None]
distance = np.geomspace(0.1, 3, 20) * sigma
base = model.energy(curve).mean()
grown = np.array([
    np.mean([model.energy(curve + side * d * normal).mean() for side in (1, -1)]) - base
    for d in distance
])  # fmt: skip
within = (distance > 0.25 * sigma) & (distance < sigma)
slope = np.polyfit(np.log(distance[within]), np.log(grown[within]), 1)[0]
right.loglog(distance / sigma, grown, "o-", label="energy over that on the curve")
right.loglog(distance / sigma, grown[within][0] * (distance / distance[within][0]) ** 2, "--",
             label="slope 2")  # fmt: skip
right.axvspan(0.25, 1, alpha=0.15, label=f"fitted here: exponent {slope:.2f}")
right.set(xlabel="distance from the curve / noise in training", ylabel="energy",
          title="quadratic as far as the noise reaches")  # fmt: skip
right.legend()
save_figure(figure, sys.argv[1] if len(sys.argv) > 1 else "denoising_spiral.png")
