"""Digits with a block missing, painted in by what a network learned from hiding parts of digits.

python examples/lecture/inpainting.py [FILE]

Rows: what is seen, the mean of the training images in its place, least squares' guess from a masked
image model, the truth.
"""

import sys

import numpy as np
from sklearn.datasets import load_digits

from thalweg.estimators import MaskedImageModel
from thalweg.plots import draw_images, save_figure

images = load_digits().images.astype(np.float32)
train, test = images[:1500], images[1500:1512]
model = MaskedImageModel(
    "convolutional", pretext="mixed", fraction=(0.2, 0.8), patch=2, width=12, depth=1,
    n_steps=800, learning_rate=0.003, random_state=0,
).fit(train)  # fmt: skip

mask = np.zeros(test.shape, bool)
for i, (row, column) in enumerate(np.random.default_rng(0).integers(0, 5, (len(test), 2))):
    mask[i, row : row + 4, column : column + 4] = True
seen = np.where(mask, np.nan, test)
mean = np.where(mask, train.mean(axis=0), test)
filled = model.complete(seen)


def peak(guess):
    """Peak signal-to-noise ratio over the missing pixels, in dB; the peak is 16."""
    return 10 * np.log10(16**2 / np.square(guess - test)[mask].mean())


for name, guess in (("mean", mean), ("model", filled)):
    energy = model.energy(guess).mean()
    sys.stdout.write(f"{name}: {peak(guess):.1f} dB, mean energy {energy:.1f}\n")
sys.stdout.write(f"truth: mean energy {model.energy(test).mean():.1f}\n")
figure = draw_images(
    [seen, mean, filled, test],
    ["seen", f"mean, {peak(mean):.1f} dB", f"model, {peak(filled):.1f} dB", "truth"],
    0, 16, "a missing block, painted in",
)  # fmt: skip
save_figure(figure, sys.argv[1] if len(sys.argv) > 1 else "inpainting.png")
