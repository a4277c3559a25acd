"""Two views of one image in one place: a joint embedding, and what its energy says.

python examples/lecture/two_views.py [FILE]

Left: histograms of F(x, y) where y is another view of x, and where it is a view of another digit.
Right: for a digit, the others of least energy.
"""

import sys

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from thalweg.estimators import JointEmbeddingModel
from thalweg.plots import save_figure
from thalweg.pretext import Cropped

images = load_digits().images.astype(np.float32)
train, test = images[:1500], images[1500:]
model = JointEmbeddingModel(width=8, n_components=32, n_steps=300, random_state=0).fit(train)

generator = torch.Generator().manual_seed(0)
views = Cropped()(torch.from_numpy(test), generator).y.numpy()
same, other = model.energy(test, views), model.energy(test, np.roll(views, 1, axis=0))
sys.stdout.write(f"energy of two views of one is lower in {np.mean(same < other):.0%}\n")

figure = Figure(figsize=(9, 3.6), layout="constrained")
left, right = figure.subfigures(1, 2)
axes = left.subplots()
bins = np.linspace(0, np.quantile(other, 0.95), 40)
for values, label in ((same, "a view of the same digit"), (other, "a view of another")):
    axes.hist(values, bins, alpha=0.6, label=label)
axes.set(xlabel="energy F(x, y)", ylabel="pairs")
axes.legend()

asked = [0, 5, 9, 14]
for row, (line, i) in enumerate(zip(right.subplots(4, 7), asked, strict=True)):
    energy = model.energy(np.repeat(test[i : i + 1], len(test), axis=0), test)
    nearest = [i, *np.argsort(energy)[1:7]]
    for column, (cell, j) in enumerate(zip(line, nearest, strict=True)):
        cell.imshow(test[j], cmap="gray")
        cell.set(xticks=[], yticks=[])
        if row == 0:
            cell.set_title("x" if column == 0 else f"{energy[j]:.1f}", fontsize=8)
right.suptitle("x, and the digits of least energy", fontsize=10)
save_figure(figure, sys.argv[1] if len(sys.argv) > 1 else "two_views.png")
