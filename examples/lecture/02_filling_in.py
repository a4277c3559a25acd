r"""Filling in a missing part of an image, and what that teaches
============================================================

.. math::
    F(y) = \sum_{i \text{ hidden}} \bigl(y_i - g(y_{\text{visible}})_i\bigr)^2

A network that has only learned to paint in hidden parts of photographs fills a block of a part that
it has never seen. On the way such a network makes a representation: one that has filled in digits
of all kinds tells five of them apart with few labels, better than the same encoder trained with all
labels of the other five.
"""

from itertools import product

import numpy as np
import torch
from sklearn.datasets import load_digits, load_sample_images
from sklearn.feature_extraction.image import extract_patches_2d as cut

from thalweg.estimators import MaskedImageModel
from thalweg.gallery import quick, save
from thalweg.plots import COLOURS, draw_tiles, figure
from thalweg.probe import Labelled, linear_probe, some_of_each


def model(n_steps, **settings):
    return MaskedImageModel("convolutional", n_steps=20 if quick() else n_steps,
                            learning_rate=0.003, random_state=0, **settings)  # fmt: skip


photographs = np.stack(load_sample_images().images)[:, :426, :639].mean(axis=3)
small = photographs.reshape(2, 142, 3, 213, 3).mean(axis=(2, 4)).astype(np.float32)
learn, ask = (
    np.concatenate([cut(each, (32, 32), max_patches=n, random_state=0) for each in of])
    for of, n in ((small[:, :, :140], 100 if quick() else 1500), (small[:, :, 145:], 100))
)
painter = model(300, pretext="occluded", width=16, batch_size=32).fit(learn)
hidden = np.zeros(ask.shape, bool)
hidden[:, 11:21, 11:21] = True
seen = np.where(hidden, np.nan, ask)
mean = np.where(hidden, np.nanmean(seen, axis=(1, 2), keepdims=True), ask)
answers = {"seen": seen, "its mean": mean, "filled in": painter.complete(seen), "truth": ask}
tiles, worth = (drawn := figure(15, 5.4, 1, 2)).axes
shown = np.argsort(-ask.std(axis=(1, 2)))[:160:20]
errors = [np.square(guess - ask)[hidden].mean() for guess in list(answers.values())[1:3]]
draw_tiles(tiles, [each[shown] for each in answers.values()], 0, 255, list(answers),
           "a missing block: {:.1f} dB by its mean, {:.1f} filled in".format(
               *10 * np.log10(255**2 / np.array(errors))))  # fmt: skip

images, labels = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8).astype(np.float32)
rows, kinds = torch.from_numpy(images.reshape(-1, 64)), torch.from_numpy(labels)
train, valid, test = np.split(np.arange(len(images)), [1200, 1500])
settings = {"pretext": "mixed", "fraction": (0.2, 0.8), "patch": 2, "width": 12, "depth": 1}
before, filler = (model(steps, **settings).fit(images[train]) for steps in (1, 900))
ways = {"filling in, no labels": filler.transform(images),
        "the encoder before": before.transform(images), "pixels": rows.numpy()}  # fmt: skip
encoder, head = before.encoder(), torch.nn.LazyLinear(5)
head(encoder(rows[:2]))  # tells it how wide codes are
optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], 0.003)
others = train[labels[train] < 5]
for batch in np.random.default_rng(0).choice(others, (20 if quick() else 400, 64)):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(head(encoder(rows[batch])), kinds[batch]).backward()
    optimizer.step()
ways["labels of the other five"] = encoder(rows).detach().numpy()
own = [part[labels[part] >= 5] for part in (train, valid, test)]
counts, seeds = (1, 3, 10, 30), range(1 if quick() else 5)
for colour, (name, items) in zip(COLOURS, ways.items(), strict=False):
    found = []
    for count, seed in product(counts, seeds):
        few = own[0][some_of_each(labels[own[0]], count, seed)]
        found.append(linear_probe(*(Labelled(items[p], labels[p]) for p in (few, *own[1:]))))
    found = np.reshape(found, (len(counts), len(seeds)))
    worth.errorbar(counts, found.mean(axis=1), found.std(axis=1), fmt="o-", color=colour,
                   capsize=2, label=name)  # fmt: skip
worth.set(xscale="log", title="telling 5 to 9 apart, by a linear classifier", ylabel="accuracy")
worth.set_xticks(counts, [f"{count} labels" for count in counts])
worth.legend()
save(drawn)
