r"""Two views of one image in one place: a joint embedding
======================================================

.. math::
    F(x, y) = \| f(x) - f(y) \|^2

Two encodings of views of one digit, shifted and turned a little, lie close and those of different
digits apart, so that their distance is an energy of pairs. Of all held-out digits, those with the
least energy beside a query are mostly the same digit, though nobody said what a digit is, and stay
so where the query is shifted or turned, which pixels do not bear.
"""

import numpy as np
from scipy.ndimage import rotate, shift
from sklearn.datasets import load_digits

from thalweg.estimators import JointEmbeddingModel
from thalweg.gallery import quick, save
from thalweg.plots import COLOURS, draw_tiles, figure
from thalweg.pretext import Moved

images, labels = load_digits().images.astype(np.float32), load_digits().target
images = np.pad(images, ((0, 0), (1, 1), (1, 1)))  # room to move in
last = 1560 if quick() else 1720
train, test, truth = images[:1500], images[1500:last], labels[1500:last]
model = JointEmbeddingModel(
    width=16, n_components=64, views=Moved(shift=0.12, turn=20, contrast=0.5, noise=0.15),
    n_steps=30 if quick() else 1000, random_state=0,
).fit(train)  # fmt: skip
queries = {
    "as they are": test,
    "shifted by 1 pixel\nto the right": shift(test, (0, 0, 1), order=0),
    "shifted by 1 pixel\ndown": shift(test, (0, 1, 0), order=0),
    "turned by 20 degrees": rotate(test, 20, axes=(1, 2), reshape=False, order=1),
    "turned back by 20": rotate(test, -20, axes=(1, 2), reshape=False, order=1),
}


def energies(x):
    """F(x, y) of each query with each held-out digit: (297, 297)."""
    return np.array([model.energy(np.repeat(each[None], len(test), axis=0), test) for each in x])


def distances(x):
    return np.square(x[:, None] - test).sum(axis=(2, 3))


def nearest(apart):
    """For each query the six others of least distance, and how many of them are the same digit."""
    order = np.argsort(apart + np.diag([np.inf] * len(test)), axis=1)[:, :6]
    return order, np.mean(truth[order] == truth[:, None])


drawn = figure(15, 6.6, 1, 3)
*tables, bars = drawn.axes
asked = [np.flatnonzero(truth == digit)[1] for digit in range(10)]
shown = queries["shifted by 1 pixel\nto the right"]
for axes, of, name in ((tables[0], energies, "least energy"), (tables[1], distances, "pixels")):
    order, found = nearest(of(shown))
    tiles = [np.concatenate([shown[i : i + 1], test[order[i]]]) for i in asked]
    draw_tiles(
        axes, tiles, 0, 16, title=f"a shifted query, nearest by {name}: {found:.0%} the same"
    )
    for row, i in enumerate(asked):
        for column, right in enumerate(truth[order[i]] == truth[i], start=1):
            if not right:
                axes.text((column * 1.06 + 0.5) * 10, (row * 1.06 + 0.5) * 10, "x", fontsize=22,
                          color=COLOURS[3], ha="center", va="center")  # fmt: skip
place = np.arange(len(queries))
for at, (of, name, colour) in enumerate(((energies, "energy", 0), (distances, "pixels", 3))):
    shares = [100 * nearest(of(x))[1] for x in queries.values()]
    drew = bars.barh(place + 0.4 * at, shares, 0.38, color=COLOURS[colour], label=f"by {name}")
    bars.bar_label(drew, fmt="%.0f")
bars.set_yticks(place + 0.2, queries)
bars.invert_yaxis()
bars.set(title="of six neighbours, the same digit", xlabel="percent", xlim=(0, 125))
bars.legend(loc="lower right")
save(drawn)
