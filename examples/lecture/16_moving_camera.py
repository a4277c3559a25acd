r"""What a moving camera teaches: how far away things are
=====================================================

.. math::
    F(x, y) = \| y - g(f(x)) \|^2, \qquad x \text{ the frames so far}, \; y \text{ the next one}

A camera goes past squares at three distances, all with the same random texture, so that no single
picture says what is near; what is near moves more. A network that has only learned to predict the
next frame has had to find that out, and depth, which nobody named, is read off its state f(x) by a
linear regression: far better than off the pixels or off a network that has learned nothing.
"""

import numpy as np
import torch
from sklearn.linear_model import Ridge

from thalweg.data import panning
from thalweg.estimators import NextFrame
from thalweg.gallery import quick, save
from thalweg.plots import COLOURS, draw_tiles, figure

CONTEXT, SIZE, CELL = 4, 32, 4
train, test = (
    panning(n, torch.Generator().manual_seed(seed), CONTEXT + 1, SIZE)
    for n, seed in ((200 if quick() else 800, 0), (200, 1))
)
models = {
    name: NextFrame(None, context=CONTEXT, width=32, learning_rate=0.004, n_steps=steps,
                    random_state=0).fit(train.frames)
    for name, steps in (("state before", 0), ("state f(x)", 20 if quick() else 400))
}  # fmt: skip


def depths(scene):
    """How far away each square of 4 x 4 pixels is, in the last frame given: (n, 8, 8)."""
    cells = scene.depth[:, CONTEXT - 1].reshape(-1, SIZE // CELL, CELL, SIZE // CELL, CELL)
    return cells.mean(axis=(2, 4))


def pixels(scene):
    """All pixels of 12 x 12 about each square, in all frames given: (n * 64, 576)."""
    wide = np.pad(scene.frames[:, :CONTEXT].astype(np.float32), ((0, 0), (0, 0), (4, 4), (4, 4)))
    views = np.lib.stride_tricks.sliding_window_view(wide, (12, 12), axis=(2, 3))[:, :, ::4, ::4]
    return views.transpose(0, 2, 3, 1, 4, 5).reshape(len(wide) * 64, -1)


def state(model, scene):
    """What the network keeps of the frames so far, at each square: (n * 64, channels)."""
    planes = model.transform(scene.frames[:, :CONTEXT]).reshape(len(scene.frames), -1, 8, 8)
    return planes.transpose(0, 2, 3, 1).reshape(len(planes) * 64, -1)


features = {"pixels of x": (pixels(train), pixels(test))}
features |= {name: (state(each, train), state(each, test)) for name, each in models.items()}
known, asked, scores, read = depths(train).ravel(), depths(test), [], None
cut = len(known) * 4 // 5  # the last fifth chooses how strongly to shrink
for rows, others in features.values():
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-3
    rows, others = (rows - mean) / spread, (others - mean) / spread
    fits = [Ridge(alpha).fit(rows[:cut], known[:cut]) for alpha in (1, 100, 1e4)]
    best = max(fits, key=lambda fit: fit.score(rows[cut:], known[cut:]))
    scores.append(best.score(others, asked.ravel()))
    read = best.predict(others).reshape(asked.shape)

drawn = figure(14, 5.4, 1, 3)
frames, maps, bars = drawn.axes
shown = range(4)
draw_tiles(frames, [test.frames[i] for i in shown], 0, 255,
           title="four frames given, then the next")  # fmt: skip
draw_tiles(maps, [[asked[i], read[i]] for i in shown], 0.6, 3.4,
           title="depth: true, and read off f(x); dark is near")  # fmt: skip
bars.barh(list(features), scores, color=(COLOURS[3], COLOURS[1], COLOURS[0]))
for at, score in enumerate(scores):
    bars.annotate(f"{score:.2f}", (max(score, 0), at), (5, -4), textcoords="offset points")
bars.set(title="depth read off by a linear regression: R2 on new clips", xlim=(min(0, *scores), 1))
save(drawn)
