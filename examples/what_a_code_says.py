"""What the latent variable of a joint-embedding architecture stands for.

The lower half of a digit is predicted from its upper half, not in pixels but where both are
embedded. For every value of z the lower half of another digit is shown that lies nearest to the
prediction: what could follow.

python examples/what_a_code_says.py [FILE]
"""

import sys

import numpy as np
from sklearn.datasets import load_digits

from thalweg.estimators import JEPA
from thalweg.gallery import quick
from thalweg.plots import draw_tiles, figure, save_figure


def halves(images):
    top, bottom = images.copy(), images.copy()
    top[:, 4:], bottom[:, :4] = np.nan, np.nan
    return top, bottom


images = load_digits().images
train, test = images[:1500], images[1500:]
size = {"width": 4, "n_steps": 20} if quick() else {"width": 16, "n_steps": 2000}
model = JEPA(n_codes=4, n_components=32, share=0.5, **size, random_state=0).fit(train)

top, bottom = halves(test)
own, other = model.energy(top, bottom), model.energy(top, np.roll(bottom, 1, axis=0))
print(f"energy of halves of one digit {own.mean():.2f}, of two {other.mean():.2f}")
print(f"values of z that explain them: {np.bincount(model.codes(top, bottom), minlength=4)}")

gallery = halves(train)[1]
known, shown = model.embed(gallery), test[10:20]
predicted = model.predict(top[10:20])
distance = np.square(predicted[:, :, None] - known).sum(axis=3)
nearest = gallery[distance.argmin(axis=2)]
rows = [shown, np.nan_to_num(top[10:20], nan=8)]
rows += [np.where(np.isnan(top[10:20]), each, top[10:20]) for each in nearest]
drawn = figure(9, 5.6)
labels = ["digit", "given", *[f"z = {z}" for z in range(4)]]
draw_tiles(drawn.axes[0], rows, 0, 16, labels, title="what could be below, by the code")
save_figure(drawn, sys.argv[1] if len(sys.argv) > 1 else "what_a_code_says.png")
