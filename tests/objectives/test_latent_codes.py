"""Codes as parameters of an objective."""

import numpy as np
import pytest
import torch

from thalweg.core import Batch, InputError
from thalweg.data import Shuffled
from thalweg.energies import Affine, Normal, Reconstruction
from thalweg.latents import Ball, Descent, FreeEnergy
from thalweg.objectives import LatentCodes
from thalweg.training import Recipe, learn


@pytest.fixture
def plane():
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(2, 5, generator=generator)
    y = torch.rand(40, 2, generator=generator) @ weight * 0.5
    energy = FreeEnergy(Reconstruction(Affine(weight), Ball(2)), Descent(1))
    energy.requires_grad_(False)
    return energy, weight, y + 0.1 * torch.randn(40, 5, generator=generator)


def trained(energy, y, codes, rate=0.1):
    objective = LatentCodes(codes)

    def take(index):
        return Batch(y[index], position=torch.from_numpy(index))

    order = Shuffled(len(y), 8, 600, torch.Generator().manual_seed(0))
    # the energy learns nothing: only the objective's rate counts
    recipe = Recipe(600, 1e9, objective_rate=rate)
    learn(energy, objective, take, order, recipe, torch.Generator(), title="codes")
    return objective


def test_every_row_finds_its_own_code_at_its_own_rate(plane):
    energy, weight, y = plane
    found = trained(energy, y, torch.zeros(40, 2)).nearest(energy)
    best = torch.linalg.lstsq(weight.T, y.T).solution.T
    assert (best.norm(dim=1) < 1).all()
    torch.testing.assert_close(found, best, atol=2e-3, rtol=0)


def test_codes_stay_in_their_space(plane):
    energy, _, y = plane
    objective = trained(energy, 10 * y, torch.full((40, 2), 3.0))
    lengths = objective.nearest(energy).norm(dim=1)
    assert (lengths <= 1 + 1e-6).all()
    assert (lengths > 0.99).any()


def test_hidden_entries_take_no_part(plane):
    energy, weight, y = plane
    holed = y.clone()
    holed[::2, 0] = torch.nan
    found = trained(energy, holed, torch.zeros(40, 2)).nearest(energy)
    best = torch.linalg.lstsq(weight[:, 1:].T, y[::2, 1:].T).solution.T
    inside = np.flatnonzero((best.norm(dim=1) < 1).numpy())
    torch.testing.assert_close(found[::2][inside], best[inside], atol=4e-3, rtol=0)


def test_what_it_cannot_use_is_named(plane):
    energy, _, y = plane
    objective = LatentCodes(torch.zeros(40, 2))
    with pytest.raises(InputError, match="does not say which rows it is of"):
        objective(energy, Batch(y), torch.Generator())
    with pytest.raises(InputError, match="Normal has no latent variable; expected a FreeEnergy"):
        objective(Normal(torch.zeros(5)), Batch(y, position=torch.arange(40)), torch.Generator())
