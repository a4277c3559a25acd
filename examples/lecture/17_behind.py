r"""What passes behind something does not cease to be
=================================================

.. math::
    F(x, y) = \| y - g(f(x)) \|^2, \qquad x \text{ the frames so far}, \; y \text{ those to come}

A disc passes behind a bar, and a network learns to predict the frames to come, in which the disc
will be seen again. While all of it is hidden the last picture is the same for every clip, and yet
the state f(x) knows where the disc is: a linear regression reads its place off, closer than off all
pixels that were seen or off the network as it was before.
"""

import numpy as np
import torch
from sklearn.linear_model import Ridge

from thalweg.data import passing_behind
from thalweg.estimators import NextFrame
from thalweg.gallery import quick, save
from thalweg.plots import COLOURS, draw_tiles, figure

CONTEXT, HORIZON = 8, 5
train, test = (
    passing_behind(n, torch.Generator().manual_seed(seed))
    for n, seed in ((100 if quick() else 500, 0), (200, 1))
)
before, model = (
    NextFrame(None, context=CONTEXT, horizon=HORIZON, width=24, n_steps=steps,
                    batch_size=16, learning_rate=0.004, random_state=0).fit(train.frames)
    for steps in (0, 20 if quick() else 700)
)  # fmt: skip


def hidden(scene):
    """Frames at whose end all of the disc is hidden, and where it is then (row, column)."""
    clips, ends = np.nonzero(scene.hidden[:, CONTEXT - 1 :])
    given = [scene.frames[c, e : e + CONTEXT] for c, e in zip(clips, ends, strict=True)]
    return np.stack(given), scene.place[clips, ends + CONTEXT - 1]


(rows, known), (asked, truth) = hidden(train), hidden(test)
features = {
    "the mean place": lambda x: np.zeros((len(x), 1)),
    "the last picture": lambda x: x[:, -1].reshape(len(x), -1).astype(float),
    "all pixels of x": lambda x: x.reshape(len(x), -1).astype(float),
    "f(x) before": before.transform,
    "f(x)": model.transform,
}
cut = len(rows) * 4 // 5  # the last fifth chooses how strongly to shrink
errors, found = [], truth
for of in features.values():
    here, there = of(rows), of(asked)
    mean, spread = here[:cut].mean(axis=0), here[:cut].std(axis=0) + 1e-3
    here, there = (here - mean) / spread, (there - mean) / spread
    fits = [Ridge(a, solver="cholesky").fit(here[:cut], known[:cut]) for a in (1, 1e2, 1e4, 1e6)]
    best = min(fits, key=lambda fit: np.square(fit.predict(here[cut:]) - known[cut:]).mean())
    found = best.predict(there)
    errors.append(np.sqrt(np.square(found - truth).sum(axis=1).mean()))

drawn = figure(17, 5.6, 1, 3)
clips, where, bars = drawn.axes
shown = np.linspace(0, len(asked) - 1, 6).astype(int)
draw_tiles(clips, asked[shown], 0, 255, title="what was seen: the disc goes behind the bar")
where.imshow(asked[0, -1], cmap="gray", vmin=0, vmax=255)
for at, guess in list(zip(truth, found, strict=True))[:: max(1, len(truth) // 40)]:
    where.plot([at[1], guess[1]], [at[0], guess[0]], color="white", linewidth=1)
    where.plot(*at[::-1], "o", color=COLOURS[5], markersize=8)
    where.plot(*guess[::-1], "x", color=COLOURS[3], markersize=7, markeredgewidth=2)
where.set(title="hidden: where it is (o), where f(x) says it is (x)", xlim=(8, 32))
bars.barh(list(features), errors, color=[*["#999999"] * 4, COLOURS[0]])
for at, error in enumerate(errors):
    bars.annotate(f"{error:.1f}", (error, at), (5, -4), textcoords="offset points")
bars.set(title="how far off, on new clips", xlabel="pixels (root mean square)")
bars.set_xlim(right=1.15 * max(errors))
save(drawn)
