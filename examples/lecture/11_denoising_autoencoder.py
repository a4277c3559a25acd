r"""A denoising autoencoder: spoil rows, learn the way back
=======================================================

.. math::
    F(y) = \| y - g(f(y)) \|^2, \qquad \text{trained so that } g(f(y + \sigma \epsilon)) \approx y

Rows of the spiral are spoiled by noise, and a network learns the way back, of which the energy is
the square: low along the curve, it grows quadratically as far as the noise reaches. Trained for
long it comes near the best denoiser there is, the mean of all rows that a point may come from, and
is low between the arms only where the way back is a toss-up.
"""

from itertools import pairwise

import numpy as np
import torch

from thalweg.data import spiral
from thalweg.estimators import DenoisingAutoencoder
from thalweg.gallery import quick, save, surface
from thalweg.plots import COLOURS, figure

NOISE, STEPS = 0.2, 400 if quick() else 6000
generator = torch.Generator().manual_seed(0)
rows = spiral(1000 if quick() else 5000, generator).double()
spread = rows.std(dim=0)
before, model = (
    DenoisingAutoencoder(64, hidden=(256, 256), noise=NOISE, n_steps=n, random_state=0).fit(rows)
    for n in (1, STEPS)
)


def sent(y):
    return torch.as_tensor(model.inverse_transform(model.transform(y)))


def best(y):
    apart = torch.cdist(y / spread, rows / spread) / NOISE  # (n, rows)
    return torch.softmax(-0.5 * apart.square(), dim=1) @ rows  # E[row | y]


def energy(way, y):
    return ((y - way(y)) / spread).square().sum(dim=1)  # F: (n,)


axis = torch.linspace(-1.1, 1.1, 61 if quick() else 121).double()
grid, points = torch.cartesian_prod(axis, axis), torch.cartesian_prod(axis[::6], axis[::6])
off = torch.cdist(grid / spread, rows / spread).min(dim=1).values / NOISE
between, edges = grid[(grid.norm(dim=1) < 0.6) & (off > 2)], np.geomspace(0.1, 4, 16)
drawn = figure(15, 9, 2, 3)
spoil, loss, growth, learned, ideal, better = drawn.axes[:6]
noisy = rows + NOISE * spread * torch.randn(rows.shape, generator=generator)
surface(spoil, before.energy_, 1.2, rows[:600], "F before; rows are spoiled (arrows)", top=4)
for clean, spoiled in zip(rows[:60].tolist(), noisy[:60].tolist(), strict=True):
    spoil.annotate("", spoiled, clean, arrowprops={"arrowstyle": "->", "color": "#2ad6a0"})
loss.semilogy(np.convolve(model.history_.losses, np.ones(50) / 50, "valid"), color=COLOURS[0])
loss.set(title="training: squared error of what comes back", xlabel="step, means of 50")
for axes, way, colour, name in ((learned, sent, 0, "learned"), (ideal, best, 2, "the best")):
    low = (energy(way, between) < energy(way, rows).quantile(0.99)).double().mean()
    title = f"F, {name}: low in {low:.0%} of what is between"
    surface(axes, lambda y, way=way: energy(way, y.double()), 1.2, title=title, top=0.25)
    arrows = torch.nn.functional.normalize(way(points) - points)  # of one length
    axes.quiver(*points.T, *arrows.T, angles="xy", scale_units="xy", scale=14, color="white")
    rings = [grid[(off > a) & (off <= b)] for a, b in pairwise(edges)]
    growth.loglog(edges[1:], [energy(way, ring).median() for ring in rings], "o-",
                  color=COLOURS[colour], label=name)  # fmt: skip
    left = torch.cdist(way(noisy) / spread, rows / spread).min(dim=1).values / NOISE
    better.hist(left, np.linspace(0, 3, 61), color=COLOURS[colour], histtype="step", linewidth=2,
                label=f"sent back, {name}: mean {left.mean():.2f}")  # fmt: skip
growth.loglog(edges, (NOISE * edges) ** 2, "--", color="grey", label="square of the distance")
growth.set(title="quadratic as far as the noise reaches", ylabel="median F")
left = torch.cdist(noisy / spread, rows / spread).min(dim=1).values / NOISE
better.hist(left, np.linspace(0, 3, 61), color=COLOURS[1], histtype="step", linewidth=2,
            label=f"noisy: mean {left.mean():.2f}")  # fmt: skip
better.set(title="use: rows without their noise", ylabel="rows")
for axes in (growth, better):
    axes.set_xlabel("distance from the curve / noise")
    axes.legend(fontsize=9)
save(drawn)
