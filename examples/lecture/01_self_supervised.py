r"""Self-supervised learning: hide a part, predict it from the rest
===============================================================

.. math::
    (x, y) = (\text{what is left of an item}, \; \text{what is hidden of it})

One batch of a table, of images, of clips and of sentences, and three ways of hiding: the future
from the past, random cells or patches from all others, any part from what is around it. What is
hidden (orange) is the target and what is left is the input: the data are their own labels.
"""

import numpy as np
import torch
from sklearn.datasets import load_diabetes, load_digits, load_sample_images

from thalweg.data import turning_digits
from thalweg.gallery import save
from thalweg.plots import COLOURS, draw_tiles, figure
from thalweg.pretext import Future, Masked, Occluded

generator = torch.Generator().manual_seed(0)
people = load_diabetes()
columns = [*people.feature_names, "a year on"]
table = np.column_stack([people.data, people.target])[:9]
table = torch.from_numpy((table - table.mean(axis=0)) / table.std(axis=0))
photographs = np.stack([each[100:420:4, 80:400:4].mean(2) for each in load_sample_images().images])
images = torch.from_numpy(photographs)
sprites = (15 * load_digits().images).astype(np.uint8)
clips = turning_digits(sprites, 3, generator, length=6, size=24, every=3).frames
clips = torch.from_numpy(clips).double()
text = """the river finds the lowest way down
a valley keeps what falls into it
we climb a hill to see beyond"""
words = np.array([line.split() for line in text.split("\n")])
tokens = torch.arange(words.size).reshape(words.shape)

ways = {
    "table": (table, Future(1), Masked(0.3), Occluded((0.3, 0.5), axes=(0,))),
    "image": (images, Future(40), Masked(0.6, size=(10, 10)), Occluded(0.45)),
    "clip": (clips, Future(2), Masked(0.5, size=(1, 8, 8)), Occluded(0.6, axes=(0, 1, 2))),
    "sentence": (tokens, Future(2), Masked(0.3), Occluded(0.4, axes=(0,))),
}
drawn = figure(15, 9, 4, 4)
for i, (kind, (batch, *hidings)) in enumerate(ways.items()):
    for j, hide in enumerate([None, *hidings]):
        axes = drawn.axes[4 * i + j]
        left = (batch if hide is None else hide(batch, generator).y).numpy()
        if kind == "table":
            axes.set_facecolor(COLOURS[1])
            axes.imshow(left, cmap="gray", vmin=-2, vmax=2, aspect="auto")
            axes.set_xticks(range(len(columns)), columns, fontsize=7, rotation=60)
            axes.set_yticks([])
        elif kind == "image":
            draw_tiles(axes, left[None], 0, 255)
        elif kind == "clip":
            draw_tiles(axes, left, 0, 255)
        else:
            axes.set(xlim=(0, words.shape[1]), ylim=(len(words), 0), xticks=[], yticks=[])
            for (row, column), token in np.ndenumerate(left):
                axes.text(column + 0.5, row + 0.5, "?" if token < 0 else words[row, column],
                          bbox={"color": COLOURS[1] if token < 0 else "#eee", "pad": 2},
                          ha="center", va="center", fontsize=8)  # fmt: skip
            axes.set_frame_on(False)
        axes.set_title(f"{kind}: {('the batch', 'future', 'masked', 'any part')[j]}", fontsize=10)
save(drawn)
