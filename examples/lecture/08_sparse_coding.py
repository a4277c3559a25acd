"""Sparse coding: few atoms explain each row
=========================================

``E(y, z) = 1/2 |y - Wz|^2 + a |z|_1``: learned from patches of photographs the atoms W are edges,
and in the plane the energy is low along the directions that few atoms make. For the codes z* FISTA
needs far fewer steps than ISTA, and LISTA, whose steps are learned, comes lower with its first few.
"""

import numpy as np
import torch
from sklearn.datasets import load_sample_images
from sklearn.feature_extraction.image import extract_patches_2d as cut_out

from thalweg.core import Batch
from thalweg.energies import Affine, Lista, Reconstruction, SquaredError
from thalweg.estimators import PCA, SparseCoding
from thalweg.gallery import quick, save, surface
from thalweg.latents import ActiveSet, Encoder, FreeEnergy, ProximalGradient, Sparse
from thalweg.objectives import PushDown
from thalweg.plots import COLOURS, draw_tiles, figure
from thalweg.training import gradient_step, train

images = np.stack(load_sample_images().images)[:, :426]
small = images.reshape(2, 213, 2, 320, 2, 3).mean((2, 4, 5)) / 255  # what JPEG's blocks leave goes


def patches(part, count):
    """Patches of a part of each photograph, less their means."""
    cut = [cut_out(each, (8, 8), max_patches=count, random_state=0) for each in part]
    return (np.concatenate(cut) - np.mean(cut, axis=(2, 3)).reshape(-1, 1, 1)).reshape(-1, 64)


given, other = patches(small[:, :, :240], 4000), patches(small[:, :, 240:], 500)
pca = PCA(40).fit(given)
back = pca.components_ / np.sqrt(pca.explained_variance_)[:, None]
learn, held = (torch.from_numpy(pca.transform(each) @ back) for each in (given, other))
settings = {"fit_offset": False, "random_state": 0}
model = SparseCoding(100, alpha=0.5, max_iter=3 if quick() else 20, **settings).fit(learn)
weight = torch.from_numpy(model.components_)
energy = Reconstruction(Affine(weight), Sparse(100, 0.5), SquaredError(0.5)).requires_grad_(False)
order = np.argsort(-np.abs(model.transform(held)).sum(axis=0))
drawn = figure(16, 4.8, 1, 3)
atoms, plane, speed = drawn.axes
tiles = model.components_[order].reshape(10, 10, 8, 8)
draw_tiles(atoms, tiles, -0.5, 0.5, title="100 atoms of patches, the most used first")
generator = torch.Generator().manual_seed(0)
angles = torch.tensor([0.3, 1.4, 2.5]).repeat(300)
along = torch.randn(900, 1, generator=generator) * torch.stack([angles.cos(), angles.sin()], dim=1)
points = (along + 0.03 * torch.randn(900, 2, generator=generator)).double()
flat = SparseCoding(3, alpha=0.1, **settings).fit(points)
surface(plane, flat.energy_, 2, points[::2], "F(y) of three atoms, and their data")
plane.quiver(*np.zeros((2, 3)), *flat.components_.T, color=COLOURS[3], scale_units="xy", scale=1)


def above(solver):
    """Mean energy of held-out patches with the codes of a solver, over the least there is."""
    with torch.no_grad():
        return float(energy(held, solver.solve(energy, held).z[0]).mean() - least)


def lista(layers):
    """An encoder of so many layers, trained by pushing down the energy of its codes."""
    encoder = Encoder(Lista(weight, 0.5, layers))
    optimizer = torch.optim.Adam(encoder.parameters(), 0.001)
    step = gradient_step(FreeEnergy(energy, encoder), PushDown(), optimizer)
    order = torch.randint(8000, (50 if quick() else 1500, 256), generator=generator)
    train(step, (Batch(learn[index]) for index in order), generator)
    return encoder


least = float(FreeEnergy(energy, ActiveSet())(held).mean())
counts = [1, 2, 4, 8, 16, 32, 64, 128]
for colour, method in zip(COLOURS, ("ista", "fista"), strict=False):
    gaps = [above(ProximalGradient(method, tol=0, max_iter=n)) for n in counts]
    speed.loglog(counts, gaps, "o-", color=colour, label=method.upper())
gaps = [above(lista(n)) for n in counts[:4]]
speed.loglog(counts[:4], gaps, "s-", color=COLOURS[2], label="LISTA")
speed.set(title="held-out patches", xlabel="steps, or layers", ylabel="energy above the minimum")
speed.legend()
save(drawn)
