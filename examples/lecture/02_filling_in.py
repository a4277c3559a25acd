"""Filling in a missing part of an image, and what that teaches
============================================================

A network that has only learned to paint in hidden parts of digits fills a block it has never seen.
On the way it has made a representation: a linear classifier on it, with few labels, beside the same
encoder trained on those labels alone.
"""

import numpy as np
from sklearn.datasets import load_digits

from thalweg.estimators import MaskedImageModel
from thalweg.gallery import quick, save
from thalweg.plots import COLOURS, draw_tiles, figure
from thalweg.probe import Labelled, fine_tune, linear_probe, some_of_each

images, labels = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8).astype(np.float32)
train, valid, test = slice(0, 1200), slice(1200, 1500), slice(1500, None)
model = MaskedImageModel(
    "convolutional", pretext="mixed", fraction=(0.2, 0.8), patch=2, width=12, depth=1,
    n_steps=60 if quick() else 1500, learning_rate=0.003, random_state=0,
).fit(images[train])  # fmt: skip

truth = images[test]
mask = np.zeros(truth.shape, bool)
for hidden, (row, column) in zip(
    mask, np.random.default_rng(0).integers(0, 5, (297, 2)), strict=True
):
    hidden[row : row + 4, column : column + 4] = True
seen = np.where(mask, np.nan, truth)
mean = np.where(mask, images[train].mean(axis=0), truth)
filled = model.complete(seen)
drawn = figure(12, 4.2, 1, 2)
draw_tiles(drawn.axes[0], [each[:8] for each in (seen, mean, filled, truth)], 0, 16,
           ["seen", "mean of all", "filled in", "truth"])  # fmt: skip


def peak(guess):
    """Peak signal-to-noise ratio over the missing pixels, in dB; the peak is 16."""
    return 10 * np.log10(16**2 / np.square(guess - truth)[mask].mean())


drawn.axes[0].set_title(f"a missing block: {peak(filled):.1f} dB (mean of all {peak(mean):.1f})")
untrained = MaskedImageModel(
    "convolutional", pretext="mixed", patch=2, width=12, depth=1, n_steps=1, random_state=0
).fit(images[train])
counts, steps = ([1, 30], 20) if quick() else ([1, 3, 10, 30], 200)
scores: dict[str, list] = {"linear on what filling in learned": [], "linear on pixels": [],
                           "linear on the encoder before": [],
                           "the same encoder, from labels alone": [],
                           "the same encoder, learned then tuned": []}  # fmt: skip
for count in counts:
    accuracy = []
    for seed in range(1 if quick() else 5):
        few = some_of_each(labels[train], count, seed)

        def of(items, few=few):
            parts = (np.arange(1200)[few], valid, test)
            return [Labelled(items[part], labels[part]) for part in parts]

        pixels = images.reshape(len(images), -1)
        accuracy.append([
            *(linear_probe(*of(items)) for items in
              (model.transform(images), pixels, untrained.transform(images))),
            *(fine_tune(each.encoder(), *of(pixels), steps, random_state=seed)
              for each in (untrained, model)),
        ])  # fmt: skip
    for values, value in zip(scores.values(), np.transpose(accuracy), strict=True):
        values.append(value)
for colour, (name, values) in zip(COLOURS, scores.items(), strict=False):
    mean = np.mean(values, axis=1)
    drawn.axes[1].errorbar(counts, mean, np.std(values, axis=1), fmt="o-", color=colour,
                           capsize=2, label=name)  # fmt: skip
drawn.axes[1].set(xscale="log", title="what the representation is worth", ylabel="test accuracy",
                  xlabel="labels of each digit (300 more choose settings)")  # fmt: skip
drawn.axes[1].set_xticks(counts, counts)
drawn.axes[1].minorticks_off()
drawn.axes[1].legend(fontsize=8)
save(drawn)
