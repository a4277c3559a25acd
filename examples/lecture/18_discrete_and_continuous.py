r"""Outcomes that can be listed, and outcomes that cannot
=====================================================

.. math::
    p(y) = \frac{e^{-F(y)}}{\sum_{y'} e^{-F(y')}} \text{ over all words}, \qquad
    F(y) \text{ alone over continuous } y

Which word is missing is a choice among some thousand tokens: a softmax gives each its probability,
and not knowing is no trouble. A continuous outcome would have to be cut into cells, of which there
are more with every dimension and data in ever fewer; an energy needs no cells, only to be low where
the data are, and stays good.
"""

import pydoc_data.topics

import numpy as np

from thalweg.estimators import GaussianMixture, MaskedLanguageModel
from thalweg.gallery import quick, save, surface
from thalweg.plots import COLOURS, figure

texts = [
    " ".join(part.split())
    for topic in pydoc_data.topics.topics.values()
    for part in topic.split("\n\n")
    if 40 < len(part) < 400 and part.count("*") < 4
]
model = MaskedLanguageModel(
    1000, layers=2, width=64, epochs=1 if quick() else 12, batch_tokens=1024, learning_rate=0.02,
    context=160, random_state=0,
).fit(texts[:200] if quick() else texts)  # fmt: skip
listed = model.completions(["The value is [MASK] string."], top=12)[0]


def curve(n, d):
    """Points of a curve that winds through d dimensions, with a little noise: (n, d)."""
    angle = random.uniform(0, 2 * np.pi, (n, 1))
    return np.cos(angle * np.arange(1, d + 1) - np.arange(d)) + 0.05 * random.normal(size=(n, d))


def cells(rows, bins):
    """Which of bins^d cells each row is in; -1 where it is in none."""
    at = np.floor((rows + 1.3) / 2.6 * bins).astype(int)
    inside = ((at >= 0) & (at < bins)).all(axis=1)
    at = np.clip(at, 0, bins - 1)
    return np.where(inside, np.ravel_multi_index(at.T, (bins,) * rows.shape[1]), -1)


def surprise(train, rows, bins):
    """Mean -log p(y) of a softmax over cells; each cell counts half a row more than it has."""
    d = rows.shape[1]
    counts = np.bincount(1 + cells(train, bins), minlength=1 + bins**d)[1:]
    share = (np.append(counts, 0)[cells(rows, bins)] + 0.5) / (len(train) + 0.5 * bins**d)
    return d * np.log(2.6 / bins) - np.log(share).mean()


random, dimensions = np.random.default_rng(0), range(1, 6)
by_cells, by_energy = [], []
for d in dimensions:
    train, valid, test = (curve(n, d) for n in (3000, 1000, 3000))
    bins = min((2, 4, 8, 16, 32), key=lambda bins: surprise(train, valid, bins))
    by_cells.append(surprise(train, test, bins))
    mixture = GaussianMixture(10 if quick() else 40, random_state=0).fit(train)
    by_energy.append(mixture.energy(test).mean())  # here F = -log p, so that both compare
    if d == 2:
        plane, flat, shown = train, mixture, bins

drawn = figure(17, 4.4, 1, 4)
words, boxes, valleys, growth = drawn.axes
words.bar(range(12), [each.probability for each in listed], color=COLOURS[0])
words.set_xticks(range(12), ["".join(each.pieces) for each in listed], rotation=60)
words.set(title="The value is [MASK] string. (12 of 1,000 tokens)", ylabel="probability")
boxes.hist2d(*plane.T, shown, range=((-1.3, 1.3), (-1.3, 1.3)), cmap="Blues", vmax=20)
boxes.set(title=f"continuous y, a softmax over {shown} x {shown} cells", xlabel="y1", ylabel="y2")
surface(valleys, flat.energy_, 1.3, title="an energy, low along the curve", top=12)
growth.plot(dimensions, by_cells, "o-", color=COLOURS[3], label="softmax over cells")
growth.plot(dimensions, by_energy, "o-", color=COLOURS[0], label="energy")
growth.set(title="on new rows: lower is better", xlabel="dimensions of y", ylabel="mean -log p")
growth.legend()
save(drawn)
