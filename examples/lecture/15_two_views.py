"""Two views of one image in one place: a joint embedding
======================================================

Two encodings of views of one digit lie close and those of different digits apart, so that their
distance is an energy F(x, y) of pairs. Of all held-out digits, those with the least energy beside x
are mostly the same digit, though nobody said what a digit is: more than of those that are nearest
in pixels.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits

from thalweg.estimators import JointEmbeddingModel
from thalweg.gallery import quick, save
from thalweg.plots import COLOURS, draw_tiles, figure
from thalweg.pretext import Moved

images, labels = load_digits().images.astype(np.float32), load_digits().target
train, test, truth = images[:1500], images[1500:], labels[1500:]
steps = 30 if quick() else 1500
model = JointEmbeddingModel(width=16, n_components=64, n_steps=steps, random_state=0).fit(train)

generator = torch.Generator().manual_seed(0)
views = Moved()(torch.from_numpy(test), generator).y.numpy()
same, other = model.energy(test, views), model.energy(test, np.roll(views, 1, axis=0))
drawn = figure(11, 6.4, 1, 2)
bins = np.linspace(0, np.quantile(other, 0.9), 40)
for values, label, colour in (
    (same, "a view of the same digit", COLOURS[0]),
    (other, "a view of another", COLOURS[3]),
):
    drawn.axes[0].hist(np.minimum(values, bins[-1]), bins, alpha=0.6, label=label, color=colour)
drawn.axes[0].set_title(f"lower for a view of the same digit: {np.mean(same < other):.0%}")
drawn.axes[0].set(xlabel="energy F(x, y), what is above at the right end", ylabel="pairs")
drawn.axes[0].legend()


def nearest(distance):
    """For each digit the six others of least distance, and how many of them are the same digit."""
    order = np.argsort(distance + np.diag([np.inf] * len(test)), axis=1)[:, :6]
    return order, np.mean(truth[order] == truth[:, None])


pixels = np.square(test[:, None] - test[None]).sum(axis=(2, 3))
energy = [model.energy(np.repeat(each[None], len(test), axis=0), test) for each in test]
order, found = nearest(np.array(energy))
asked = [np.flatnonzero(truth == digit)[0] for digit in range(10)]
tiles = [np.concatenate([test[i : i + 1], test[order[i]]]) for i in asked]
title = f"x, and those of least energy: {found:.0%} the same (pixels {nearest(pixels)[1]:.0%})"
draw_tiles(drawn.axes[1], tiles, 0, 16, title=title)
save(drawn)
