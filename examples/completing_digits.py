"""One question, every energy: the lower half of held-out digits, given the upper half.

python examples/completing_digits.py [FILE]
"""

import sys
import warnings

import numpy as np
from sklearn.datasets import load_digits

from thalweg.estimators import (
    GLO,
    PCA,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    GaussianMixture,
    KMeans,
    MaskedAutoencoder,
    SaturatingAutoencoder,
    SparseAutoencoder,
    SparseCoding,
    VariationalAutoencoder,
    VQAutoencoder,
)
from thalweg.plots import draw_images, save_figure

digits = load_digits().data
order = np.random.default_rng(0).permutation(len(digits))
train, test = digits[order[:1600]], digits[order[1600:1612]]
asked = test.copy()
asked[:, 32:] = np.nan
quick = {"random_state": 0, "n_steps": 1000}
models = {
    "K-means": KMeans(60, random_state=0),
    "PCA": PCA(10),
    "Gaussian mixture": GaussianMixture(20, reg_covar=2.0, random_state=0),
    "sparse coding": SparseCoding(128, alpha=5.0, random_state=0, max_iter=10),
    "GLO": GLO(**quick),
    "VAE": VariationalAutoencoder(**quick),
    "VQ-VAE": VQAutoencoder(**quick),
    "sparse autoencoder": SparseAutoencoder(**quick),
    "contractive autoencoder": ContractiveAutoencoder(**quick),
    "saturating autoencoder": SaturatingAutoencoder(**quick),
    "denoising autoencoder": DenoisingAutoencoder(**quick),
    "masked autoencoder": MaskedAutoencoder(**quick),
}
stacks = {"held-out digits": test, "lower half hidden": asked}
for name, model in models.items():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few steps: some models have not converged
        filled = model.fit(train).complete(asked)
    error = np.sqrt(np.mean((filled - test)[:, 32:] ** 2))
    print(f"{name}: root mean squared error {error:.2f}")
    stacks[name] = filled
images = [stack.reshape(-1, 8, 8) for stack in stacks.values()]
drawn = draw_images(images, list(stacks), 0, 16, "completion")
save_figure(drawn, sys.argv[1] if len(sys.argv) > 1 else "completing_digits.png")
