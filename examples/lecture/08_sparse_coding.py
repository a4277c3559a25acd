r"""Sparse coding: few atoms explain each row
=========================================

.. math::
    E(y, z) = \tfrac{1}{2} \|y - W z\|^2 + \alpha \|z\|_1, \qquad F(y) = \min_z E(y, z)

Learned from patches of photographs the atoms W are edges, and in the plane the energy of points of
one length is least along the directions that data have, where one atom is enough. For the codes z*
FISTA needs far fewer steps than ISTA, and LISTA, which learns its steps, comes lower at first.
"""

import numpy as np
import torch
from sklearn.datasets import load_sample_images
from sklearn.feature_extraction.image import extract_patches_2d as cut_out

from thalweg.core import Batch
from thalweg.energies import Affine, Lista, Reconstruction, SquaredError
from thalweg.estimators import PCA, SparseCoding
from thalweg.gallery import quick, save
from thalweg.latents import ActiveSet, Encoder, FreeEnergy, ProximalGradient, Sparse
from thalweg.objectives import PushDown
from thalweg.plots import COLOURS, draw_tiles, figure
from thalweg.training import gradient_step, train

images = np.stack(load_sample_images().images)[:, :426].reshape(2, 213, 2, 320, 2, 3)
small = images.mean(axis=(2, 4, 5)) / 255  # what JPEG's blocks leave goes


def patches(part, count):
    cut = [cut_out(each, (8, 8), max_patches=count, random_state=0) for each in part]
    return (np.concatenate(cut) - np.mean(cut, axis=(2, 3)).reshape(-1, 1, 1)).reshape(-1, 64)


given, other = patches(small[:, :, :240], 4000), patches(small[:, :, 240:], 500)
pca = PCA(16).fit(given)
back = pca.components_ / np.sqrt(pca.explained_variance_)[:, None]
learn, held = (torch.from_numpy(pca.transform(each) @ back) for each in (given, other))
settings = {"fit_offset": False, "random_state": 0, "max_iter": 3 if quick() else 20}
model = SparseCoding(100, alpha=0.5, **settings).fit(learn)
weight = torch.from_numpy(model.components_)
energy = Reconstruction(Affine(weight), Sparse(100, 0.5), SquaredError(0.5)).requires_grad_(False)
drawn = figure(16, 4.8, 1, 3)
atoms, plane, speed = drawn.axes
used = model.components_[np.abs(model.transform(held)).sum(axis=0).argsort()[::-1]]
draw_tiles(atoms, used.reshape(10, 10, 8, 8), -0.5, 0.5, title="100 atoms, the most used first")
generator = torch.Generator().manual_seed(0)
angles = torch.tensor([0.3, 1.4, 2.5]).repeat(300)
along = torch.randn(900, 1, generator=generator) * torch.stack([angles.cos(), angles.sin()], dim=1)
points = (along + 0.03 * torch.randn(900, 2, generator=generator)).double()
flat = SparseCoding(3, alpha=0.1, **settings).fit(points)
turn = np.linspace(0, 2 * np.pi, 361)
plane.plot(np.degrees(turn), flat.energy(np.stack([np.cos(turn), np.sin(turn)], axis=1)))
for atom in np.concatenate([flat.components_, -flat.components_]):
    at = np.degrees(np.arctan2(atom[1], atom[0])) % 360
    plane.plot(at, flat.energy(atom[None] / np.linalg.norm(atom)), "o", color=COLOURS[3])
plane.set(title="F around the unit circle; dots: atoms", xlabel="degrees", ylabel="F")
plane.set_xticks(np.degrees([0.3, 1.4, 2.5, 3.44, 4.54, 5.64]).round())  # where the data lie


def above(solver):
    return float(energy(held, solver.solve(energy, held).z[0].detach()).mean() - least)


least = float(FreeEnergy(energy, ActiveSet())(held).mean())
counts = [2**k for k in range(8)]
for colour, method in zip(COLOURS, ("ista", "fista"), strict=False):
    gaps = [above(ProximalGradient(method, tol=0, max_iter=n)) for n in counts]
    speed.loglog(counts, gaps, "o-", color=colour, label=method.upper())
for layers in counts[:4]:  # LISTA: trained by pushing down the energy of its codes
    encoder = Encoder(Lista(weight, 0.5, layers))
    optimizer = torch.optim.Adam(encoder.parameters(), 0.001)
    rows = torch.randint(8000, (50 if quick() else 800, 256), generator=generator)
    step = gradient_step(FreeEnergy(energy, encoder), PushDown(), optimizer)
    train(step, (Batch(learn[each]) for each in rows), generator)
    name = "LISTA" if layers == 1 else None
    speed.loglog(layers, above(encoder), "s", color=COLOURS[2], label=name)
speed.set(title="energy of codes found, above the least", xlabel="steps, or layers")
speed.legend()
save(drawn)
