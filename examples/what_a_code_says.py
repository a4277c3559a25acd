"""What the latent variable of a joint-embedding architecture stands for.

The lower middle of a digit is predicted from what is around it, not in pixels but where both are
embedded. For every value of z the block of another digit is shown that lies nearest to the
prediction: what could be there.

python examples/what_a_code_says.py [FILE]
"""

import sys

import numpy as np
from sklearn.datasets import load_digits

from thalweg.estimators import JEPA
from thalweg.gallery import quick
from thalweg.plots import draw_tiles, figure, save_figure


def split(images):
    """What is around a block of 4 x 6 pixels at the bottom, and the block."""
    hidden = np.zeros(images.shape[1:], bool)
    hidden[4:, 1:7] = True
    return np.where(hidden, np.nan, images), np.where(hidden, images, np.nan)


images = load_digits().images
train, test = images[:1500], images[1500:]
size = {"width": 4, "n_steps": 20} if quick() else {"width": 16, "n_steps": 2000}
model = JEPA(n_codes=4, n_components=32, **size, random_state=0).fit(train)

around, block = split(test)
own, other = model.energy(around, block), model.energy(around, np.roll(block, 1, axis=0))
print(f"energy of parts of one digit {own.mean():.2f}, of two {other.mean():.2f}")
print(f"values of z that explain them: {np.bincount(model.codes(around, block), minlength=4)}")

gallery = split(train)[1]
known, shown = model.embed(gallery), test[10:20]
predicted = model.predict(around[10:20])
distance = np.square(predicted[:, :, None] - known).sum(axis=3)
nearest = gallery[distance.argmin(axis=2)]
rows = [shown, np.nan_to_num(around[10:20], nan=8)]
rows += [np.where(np.isnan(around[10:20]), each, around[10:20]) for each in nearest]
drawn = figure(9, 5.6)
labels = ["digit", "given", *[f"z = {z}" for z in range(4)]]
draw_tiles(drawn.axes[0], rows, 0, 16, labels, title="what could be there, by the code")
save_figure(drawn, sys.argv[1] if len(sys.argv) > 1 else "what_a_code_says.png")
