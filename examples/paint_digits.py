"""Digits painted from noise, lower halves drawn several ways, and what is no digit.

python examples/paint_digits.py [FILE]
"""

import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from thalweg.estimators import ImageDensity
from thalweg.gallery import quick
from thalweg.plots import draw_tiles, figure, save_figure

images = load_digits().images
train, test = images[:1500], images[1500:]
size = {"width": 8, "depth": 1, "n_steps": 40} if quick() else {"width": 32, "n_steps": 3000}
model = ImageDensity(**size, random_state=0).fit(train)

# what is no digit has more energy
for name, other in {"mirrored": test[:, :, ::-1], "upside down": test[:, ::-1]}.items():
    labels = np.r_[np.zeros(len(test)), np.ones(len(test))]
    area = roc_auc_score(labels, np.r_[model.energy(test), model.energy(other)])
    print(f"digits against {name} ones: AUROC {area:.3f}")

holed = test[:10].copy()
holed[:, 4:] = np.nan
several = model.complete(holed, draws=3, random_state=0)
rows = [model.sample(10, random_state=seed) for seed in range(2)]
rows += [test[:10], np.nan_to_num(holed, nan=8), *several]
labels = ["draws", "", "held out", "given", "drawn", "", ""]
drawn = figure(9, 6.6)
draw_tiles(drawn.axes[0], rows, 0, 16, labels, title="an energy of digits, asked to paint")
save_figure(drawn, sys.argv[1] if len(sys.argv) > 1 else "paint_digits.png")
