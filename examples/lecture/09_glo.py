r"""GLO: a code for every digit, learned with the decoder
=====================================================

.. math::
    E(y, z) = \|y - g(z)\|^2, \qquad \|z\| \le 1, \quad F(y) = \min_z E(y, z)

Each digit has a code z, here a point of a disc, and codes and decoder are trained together, so that
the disc becomes a map of digits. Half way between two codes the decoder draws, in the median, an
image that is closer to digits (200 of them, which another model chose) than half of each digit's
pixels; a short way off a blend is closer, still being its digit.
"""

import numpy as np
from sklearn.datasets import load_digits

from thalweg.estimators import GLO, KMeans
from thalweg.gallery import quick, save
from thalweg.plots import COLOURS, draw_tiles, figure

digits, labels = load_digits(return_X_y=True)
train, labels = digits[:1500].astype(np.float32), labels[:1500]
model = GLO(2, hidden=(256, 256), n_steps=200 if quick() else 7000, random_state=0).fit(train)
codes = model.codes_  # (1500, 2)

random = np.random.default_rng(0)
share = np.linspace(0, 1, 9)[:, None]
pairs = random.integers(0, 1500, (20 if quick() else 100, 2))
pairs = pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]]


def walk(ends):
    """From the first to the second of two rows, in a straight line."""
    return (1 - share) * ends[0] + share * ends[1]


ends = model.inverse_transform(codes)
decoded = np.array([model.inverse_transform(walk(codes[pair])) for pair in pairs])
blended = np.array([walk(ends[pair]) for pair in pairs])
judge = KMeans(200, random_state=0).fit(train)

drawn = figure(13, 11, 2, 2)
plane, spread, ways, height = drawn.axes
reach = np.abs(codes).max()
axis = np.linspace(-reach, reach, 18)
grid = np.stack(np.meshgrid(axis, -axis), axis=-1).reshape(-1, 2)
# what lies beyond all codes was never learned: left out
near = np.sqrt(np.square(grid[:, None] - codes).sum(axis=2)).min(axis=1) < 0.1 * reach
tiles = np.where(near[:, None], model.inverse_transform(grid), np.nan).reshape(18, 18, 8, 8)
draw_tiles(plane, np.nan_to_num(tiles), 0, 16, title="g(z) over the disc")
for digit in range(10):
    mine = codes[labels == digit]
    spread.plot(*mine.T, ".", color=f"C{digit}", markersize=3)
    spread.annotate(str(digit), np.median(mine, axis=0), fontsize=16, weight="bold")
spread.set(title="the 1500 learned codes z, and their digits", aspect="equal")
both = np.stack([decoded[:4], blended[:4]], axis=1).reshape(8, 9, 8, 8)
draw_tiles(ways, both, 0, 16, ["codes", "pixels"] * 4, "from one digit to another")
middle = []
for name, path, colour in (("codes", decoded, COLOURS[0]), ("pixels", blended, COLOURS[3])):
    energy = judge.energy(path.reshape(-1, 64).astype(np.float32)).reshape(len(pairs), 9)
    median = np.median(energy, axis=0)
    middle.append(f"{name} {median[4]:.0f}")
    height.plot(share, median, "o-", color=colour, label=name)
    low, high = np.quantile(energy, (0.25, 0.75), axis=0)
    height.fill_between(share[:, 0], low, high, alpha=0.2, color=colour, linewidth=0)
height.set(title=f"how far from digits; half way: {', '.join(middle)}",
           xlabel="share of the way", ylabel="the judge's F(y): median, quartiles")  # fmt: skip
height.legend()
save(drawn)
