"""Two views of one image in one place: a joint embedding
======================================================

Two encodings of views of one digit lie close and those of different digits apart, so that their
distance is an energy F(x, y) of pairs. Of all digits, those with the least energy beside x look
like it, and are often the same digit, though nobody said what a digit is.
"""

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from thalweg.estimators import JointEmbeddingModel
from thalweg.gallery import quick, save
from thalweg.plots import COLOURS
from thalweg.pretext import Cropped

images = load_digits().images.astype(np.float32)
train, test, labels = images[:1500], images[1500:], load_digits().target[1500:]
model = JointEmbeddingModel(
    width=8, n_components=32, n_steps=100 if quick() else 600, random_state=0
).fit(train)

generator = torch.Generator().manual_seed(0)
views = Cropped()(torch.from_numpy(test), generator).y.numpy()
same, other = model.energy(test, views), model.energy(test, np.roll(views, 1, axis=0))

figure = Figure(figsize=(10, 4), dpi=120, layout="constrained")
left, right = figure.subfigures(1, 2)
axes = left.subplots()
bins = np.linspace(0, np.quantile(other, 0.95), 40)
for values, label, colour in (
    (same, "a view of the same digit", COLOURS[0]),
    (other, "a view of another", COLOURS[3]),
):
    axes.hist(values, bins, alpha=0.6, label=label, color=colour)
axes.set(xlabel="energy F(x, y)", ylabel="pairs",
         title=f"lower for the same digit: {np.mean(same < other):.0%}")  # fmt: skip
axes.legend()

every = np.array([model.energy(np.repeat(each[None], len(test), axis=0), test) for each in test])
order = np.argsort(every + np.diag([np.inf] * len(test)), axis=1)[:, :6]
found = np.mean(labels[order] == labels[:, None])

asked = [0, 5, 9, 14]
for row, (line, i) in enumerate(zip(right.subplots(4, 7), asked, strict=True)):
    for column, (cell, j) in enumerate(zip(line, [i, *order[i]], strict=True)):
        cell.imshow(test[j], cmap="gray")
        cell.set(xticks=[], yticks=[])
        if row == 0:
            cell.set_title("x" if column == 0 else f"{every[i, j]:.1f}", fontsize=8)
right.suptitle(f"x, and the digits of least energy ({found:.0%} the same digit)", fontsize=10)
save(figure)
