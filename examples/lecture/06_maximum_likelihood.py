r"""Maximum likelihood: down on the data, up where the model is
===========================================================

.. math::
    L = \frac{1}{n} \sum_i F(y_i) + \log \int e^{-F(y)} \, dy, \qquad
    \frac{\partial L}{\partial \theta} = \frac{1}{n} \sum_i \frac{\partial F(y_i)}{\partial \theta}
    - E_{p} \Bigl[\frac{\partial F(y)}{\partial \theta}\Bigr], \quad p = \frac{e^{-F}}{Z}

The Gibbs distribution p(y) = exp(-F(y)) / Z turns energies into probabilities, and the gradient of
its log-likelihood has two terms: one lowers F around the data, one raises it around what the model
itself believes in. The second is an expectation over the model: exact on a grid, or from draws of
chains, with an error that falls as one over the square root of their number.
"""

import numpy as np
import torch

from thalweg.core import Batch
from thalweg.data import two_moons
from thalweg.energies import RadialBasis
from thalweg.gallery import quick, save
from thalweg.objectives import Lattice, MaximumLikelihood
from thalweg.plots import COLOURS, figure
from thalweg.questions import sample
from thalweg.training import gradient_step, train

generator = torch.Generator().manual_seed(1)
data = two_moons(2000, generator)
# a bowl and bumps on a grid: F is linear in their heights, and each moves its own surroundings
energy = RadialBasis(torch.cartesian_prod(*[torch.linspace(-3, 3, 25)] * 2), width=0.25)
step = gradient_step(energy, MaximumLikelihood(Lattice(64, margin=0.6)),
                     torch.optim.Adam(energy.parameters(), 0.05))  # fmt: skip
train(step, [Batch(data)] * 4, generator)  # on the way: the two terms do not yet cancel
axis = torch.linspace(-3.5, 3.5, 140)
grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1).reshape(-1, 2)
p = torch.softmax(-energy(grid).detach(), dim=0)
bumps = energy.bumps(grid)


def field(points, weight, sign):
    """How F changes everywhere as its weighted mean over points goes down (1) or up (-1)."""
    gradient = weight @ energy.bumps(points) / weight.sum()  # of that mean, by the heights
    return -sign * bumps @ gradient


down, up = field(data, torch.ones(2000), 1), field(grid, p, -1)
count = 256 if quick() else 16384
draws = sample(energy, count, generator, start=data[:16]).y
draws = draws[torch.randperm(count, generator=generator)]  # neighbours in a chain are alike
few = field(draws[:64], torch.ones(64), -1)
drawn = figure(14, 8.2, 2, 3)
for axes, (title, values, points) in zip(drawn.axes, [
    ("p(y) = exp(-F) / Z, and the data", p / (7 / 139) ** 2, data[:300]),
    ("first term: down on the data", down, data[:300]),
    ("second term, exact: up where p is", up, grid[:0]),
    ("both together (finer scale)", down + up, grid[:0]),
    ("second term from 64 draws", few, draws[:64]),
], strict=False):  # fmt: skip
    high = float((values if axes in (drawn.axes[0], drawn.axes[3]) else few).abs().max())
    low = 0 if axes is drawn.axes[0] else -high
    shown = axes.contourf(axis, axis, values.reshape(140, 140), np.linspace(low, high, 25),
                          cmap="RdBu_r" if low else "cividis", extend="both")  # fmt: skip
    axes.plot(*points.T, ".", color="black", markersize=2)
    axes.set(title=title, aspect="equal", xlim=(-2.5, 2.5), ylim=(-2.5, 2.5),
             xlabel="y1", ylabel="y2")  # fmt: skip
    drawn.colorbar(shown, ax=axes, label="change of F" if low else "density",
                   ticks=np.linspace(low, high, 5), format="%.2g")  # fmt: skip
counts, errors = np.array([2**i for i in range(2, int(np.log2(count / 8)) + 1)]), []
for n in counts.tolist():
    off = torch.stack([field(each, torch.ones(n), -1) - up for each in draws[: 8 * n].split(n)])
    errors.append(float(off.square().sum(dim=1).mean().sqrt() / up.norm()))
drawn.axes[5].loglog(counts, errors, "o-", color=COLOURS[0], label="error of the second term")
drawn.axes[5].loglog(
    counts, errors[0] * (counts / 4) ** -0.5, "--", color="grey", label="slope -1/2"
)
drawn.axes[5].set(title="Monte Carlo against the grid: relative error",
                  xlabel="draws of 16 chains, shuffled")  # fmt: skip
drawn.axes[5].legend()
save(drawn)
