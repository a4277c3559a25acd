"""GLO: a code for every digit, learned with the decoder
=====================================================

Each digit has a code z in a ball, and codes and decoder are trained together in
``E(y, z) = |y - g(z)|^2``. Half way between two codes the decoder draws, in the median, an image
that is closer to digits (200 of them, which another model chose) than half of each digit's pixels;
a short way off a blend is closer, still being its digit.
"""

import numpy as np
from sklearn.datasets import load_digits

from thalweg.estimators import GLO, KMeans
from thalweg.gallery import quick, save
from thalweg.plots import COLOURS, draw_tiles, figure

digits, labels = load_digits(return_X_y=True)
train, test = digits[:1500].astype(np.float32), digits[1500:1510].astype(np.float32)
model = GLO(4, hidden=(256, 256), n_steps=1000 if quick() else 15000, random_state=0).fit(train)

random = np.random.default_rng(0)
share = np.linspace(0, 1, 10)[:, None]
pairs = random.integers(0, 1500, (20 if quick() else 100, 2))
pairs = pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]]


def walk(ends):
    """From the first to the second of two rows, in a straight line."""
    return (1 - share) * ends[0] + share * ends[1]


decoded = np.array([model.inverse_transform(walk(model.codes_[pair])) for pair in pairs])
ends = model.inverse_transform(model.codes_)
blended = np.array([walk(ends[pair]) for pair in pairs])

judge = KMeans(200, random_state=0).fit(train)

drawn = figure(15, 4.4, 1, 3)
found = model.inverse_transform(model.transform(test))
tiles = np.stack([train[:10], ends[:10], test, found, model.sample(10, random_state=0)])
draw_tiles(drawn.axes[0], tiles.reshape(5, 10, 8, 8), 0, 16,
           ["digits", "their codes, decoded", "held out", "from codes found for them", "samples"],
           "learned codes")  # fmt: skip
both = np.stack([decoded[:3], blended[:3]], axis=1)
draw_tiles(drawn.axes[1], both.reshape(6, 10, 8, 8), 0, 16,
           ["codes", "pixels"] * 3, "from one digit to another")  # fmt: skip
for name, path, colour in (("codes", decoded, COLOURS[0]), ("pixels", blended, COLOURS[3])):
    energy = judge.energy(path.reshape(-1, 64).astype(np.float32)).reshape(len(pairs), 10)
    drawn.axes[2].plot(share, np.median(energy, axis=0), "o-", color=colour, label=name)
    low, high = np.quantile(energy, (0.25, 0.75), axis=0)
    drawn.axes[2].fill_between(share[:, 0], low, high, alpha=0.2, color=colour, linewidth=0)
drawn.axes[2].set(title=f"the judge's energy, {len(pairs)} ways: median, quartiles",
                  xlabel="share of the way", ylabel="F(y)")  # fmt: skip
drawn.axes[2].legend()
save(drawn)
