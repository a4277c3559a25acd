"""Six ways to push up: the energies they make of two moons.

python examples/lecture/objectives.py [FILE] [STEPS]
"""

import sys

import numpy as np
import torch
from matplotlib.figure import Figure

from thalweg.data import two_moons
from thalweg.estimators import DenoisingAutoencoder, EnergyDensity
from thalweg.plots import draw_landscape, save_figure

STEPS = int(sys.argv[2]) if len(sys.argv) > 2 else 250

rows = two_moons(4000, torch.Generator().manual_seed(0))


def density(word):
    return EnergyDensity(word, hidden=(64, 64), n_steps=STEPS, random_state=0)


models = {
    "C1 maximum likelihood": density("maximum-likelihood"),
    "C2 persistent contrastive divergence": density("persistent-contrastive-divergence"),
    "C2 noise contrastive": density("noise-contrastive"),
    "C2 hinge loss": density("hinge"),
    "C3 denoising autoencoder": DenoisingAutoencoder(32, n_steps=4 * STEPS, random_state=0),
    "A4 score matching": density("score-matching"),
}
axis = np.linspace(-2.6, 2.6, 100, dtype=np.float32)
grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
figure = Figure(figsize=(12, 7), layout="constrained")
for axes, (title, model) in zip(figure.subplots(2, 3).flat, models.items(), strict=True):
    energy = model.fit(rows).energy(grid).reshape(100, 100)
    # far away energies are huge: what matters is near the data
    top = np.quantile(model.energy(rows), 0.99) + 0.5 * np.ptp(energy[energy < np.median(energy)])
    draw_landscape(axes, axis, axis, np.minimum(energy, top), rows[:300].numpy(), title=title)
    axes.set(aspect="equal")
save_figure(figure, sys.argv[1] if len(sys.argv) > 1 else "objectives.png")
