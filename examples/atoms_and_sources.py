"""Three linear energies of image patches: principal directions, sparse atoms, independent sources.

python examples/atoms_and_sources.py [FILE]
"""

import sys

import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import extract_patches_2d

from thalweg.estimators import PCA, SparseCoding, SquareICA
from thalweg.plots import figure, save_figure

image = load_sample_image("china.jpg").mean(axis=2) / 255
patches = extract_patches_2d(image, (8, 8), max_patches=10_000, random_state=0).reshape(-1, 64)
patches = patches - patches.mean(axis=1, keepdims=True)

pca = PCA(63).fit(patches)
white = pca.transform(patches) / np.sqrt(pca.explained_variance_)
ica = SquareICA(random_state=0, tol=1e-2).fit(white)
# a source's patch: what one unit of it adds
sources = (ica.mixing_.T * np.sqrt(pca.explained_variance_)) @ pca.components_
whitened = white @ pca.components_
atoms = SparseCoding(100, alpha=1.2, max_iter=8, fit_offset=False, random_state=0).fit(whitened)

drawn = figure(11, 4, 1, 3)
for axes, (title, rows) in zip(
    drawn.axes,
    {"PCA, widest first": pca.components_, "sparse coding": atoms.components_,
     "square ICA": sources}.items(),
    strict=True,
):  # fmt: skip
    tiles = np.zeros((64, 8, 8))
    tiles[: len(rows[:64])] = rows[:64].reshape(-1, 8, 8)
    tiles /= np.abs(tiles).max(axis=(1, 2), keepdims=True) + 1e-12
    tiles = np.pad(tiles.reshape(8, 8, 8, 8), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=1)
    axes.imshow(tiles.transpose(0, 2, 1, 3).reshape(80, 80), cmap="gray")
    axes.set_title(title)
    axes.axis("off")
nonzeros = (atoms.transform(whitened[:1000]) != 0).sum(axis=1).mean()
print(f"sparse coding: {nonzeros:.1f} of 100 atoms explain a patch")
print(f"square ICA: {int(ica.energy_.heavy.sum())} of 63 sources have heavy tails")
save_figure(drawn, sys.argv[1] if len(sys.argv) > 1 else "atoms_and_sources.png")
