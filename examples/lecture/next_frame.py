"""What comes next when nobody can know: one blurred guess, or several sharp ones.

python examples/lecture/next_frame.py [FILE]

Small digits take a new direction at every frame. Least squares predicts the average of all that may
come; with a latent variable z each of its values is a future of its own, and the z of what happened
can be inferred.
"""

import sys

import numpy as np
import torch
from sklearn.datasets import load_digits

from thalweg.data import turning_digits
from thalweg.estimators import NextFrame
from thalweg.plots import draw_images, save_figure

digits = (15 * load_digits().images).astype(np.uint8)
train, test = (
    turning_digits(part, n, torch.Generator().manual_seed(seed), length=5, size=20, step=3, every=1)
    for part, n, seed in ((digits[:1500], 1500, 0), (digits[1500:], 200, 1))
)
shared = {"context": 3, "width": 24, "reach": 3, "learning_rate": 0.005, "n_steps": 300,
          "random_state": 0}  # fmt: skip
blurred = NextFrame(None, **shared).fit(train.frames)
sharp = NextFrame("discrete", n_components=12, **shared).fit(train.frames)
x, y = test.frames[:, 1:4], test.frames[:, 4:5]

guess, futures = blurred.predict(x), sharp.predict_all(x, 12)[:, :, 0]
best = np.square(futures - y.astype(float)).mean(axis=(2, 3)).min(axis=1).mean()


def sharpness(frames):
    """Energy of the gradient, over that of the true frames."""
    parts = [
        sum(np.square(np.diff(each.astype(float), axis=axis)).mean() for axis in (-1, -2))
        for each in (frames, y)
    ]
    return parts[0] / parts[1]


sys.stdout.write(
    f"least squares: error {np.square(guess - y.astype(float)).mean():.0f}, "
    f"sharpness {sharpness(guess):.2f}\n"
    f"latent: best of 12 {best:.0f}, with z inferred "
    f"{np.square(sharp.explain(x, y) - y.astype(float)).mean():.0f}, "
    f"sharpness {sharpness(futures[:, :4]):.2f}\n"
)
rows = [
    np.concatenate([x[i], y[i], guess[i], sharp.explain(x[i : i + 1], y[i : i + 1])[0],
                    futures[i, :4]]).astype(float) for i in range(6)
]  # fmt: skip
figure = draw_images(rows, [""] * 6, 0, 225)
titles = [
    "t - 2",
    "t - 1",
    "t",
    "t + 1",
    "least\nsquares",
    "z of\nt + 1",
    "z 1",
    "z 2",
    "z 3",
    "z 4",
]
for axes, title in zip(figure.axes, titles, strict=False):
    axes.set_title(title, fontsize=8)
save_figure(figure, sys.argv[1] if len(sys.argv) > 1 else "next_frame.png")
