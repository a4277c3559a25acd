"""Held-out digits with three kinds of noise, brought back by denoising autoencoders.

python examples/denoising_digits.py [FILE]
"""

import sys

import numpy as np
from sklearn.datasets import load_digits

from thalweg.estimators import DenoisingAutoencoder
from thalweg.plots import draw_images, save_figure

SHOWN = 10

X = load_digits().data / 16
train, test = X[:1500], X[1500:]
random = np.random.default_rng(0)
scale, mean = train.std(axis=0), np.broadcast_to(train.mean(axis=0), test.shape)
hit = random.random(test.shape) < 0.2
side = np.where(random.random(test.shape) < 0.5, -2, 2)
spoiled = {
    "gaussian": (0.7, test + 0.7 * scale * random.normal(size=test.shape)),
    "masking": (0.2, np.where(hit, mean, test)),
    "salt-and-pepper": (0.2, np.where(hit, mean + side * scale, test)),
}
rows, labels = [test], ["held out"]
for corruption, (noise, noisy) in spoiled.items():
    model = DenoisingAutoencoder(64, corruption=corruption, noise=noise, random_state=0).fit(train)
    cleaned = model.inverse_transform(model.transform(noisy))
    before, after = (np.sqrt(np.mean((each - test) ** 2)) for each in (noisy, cleaned))
    print(f"{corruption:16} root mean square error {before:.3f} before, {after:.3f} after")
    rows += [noisy, cleaned]
    labels += [corruption, "denoised"]
stacks = [each[:SHOWN].reshape(-1, 8, 8) for each in rows]
figure = draw_images(stacks, labels, 0, 1, "denoising autoencoders on digits they have not seen")
save_figure(figure, sys.argv[1] if len(sys.argv) > 1 else "denoised_digits.png")
