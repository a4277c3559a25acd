"""Learning rates, when training ends, and what a step over atoms remembers."""

import math

import numpy as np
import pytest
import torch

from thalweg.core import Batch, Loss
from thalweg.energies import Affine, Reconstruction, SquaredError
from thalweg.latents import ActiveSet, FreeEnergy, Sparse
from thalweg.training import History
from thalweg.training.dictionary import DictionaryStep, unit_
from thalweg.training.steps import rise_and_fall
from thalweg.training.stopping import no_more_progress

DOUBLE = torch.float64


@pytest.mark.parametrize(("steps", "warm"), [(5, 1), (80, 8), (5000, 100)])
def test_rates_rise_in_a_tenth_and_fall_as_a_cosine(steps, warm):
    parameter = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([parameter], lr=2.0)
    schedule = rise_and_fall(optimizer, steps)
    rates = []
    for _ in range(steps + 1):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    fall = [1 + math.cos(math.pi * i / steps) for i in range(steps + 1)]
    rise = [2 * (i + 1) / warm for i in range(steps + 1)]
    assert rates == pytest.approx([min(pair) for pair in zip(fall, rise, strict=True)])
    assert rates[-1] == pytest.approx(0)


def ends(losses, steps, tol):
    """After how many steps training ends, or None."""
    history, stop = History(), no_more_progress(steps, tol)
    for loss in losses:
        history.add(Loss(torch.tensor(loss), {}))
        if stop(history):
            return len(history)
    return None


def test_training_ends_after_three_epochs_that_gained_nothing():
    # the first epoch's mean is 4, later ones' 3; the fourth that is no lower ends it
    epochs = [5.0, 3.0] + [4.0, 2.0] * 6
    assert ends(epochs, 2, 0.01) == 2 * (2 + 3)
    # the share that three epochs together gain counts, not what each gains
    falling = [10 * 0.99**i for i in range(30)]
    assert ends(falling, 1, 0.028) is None
    assert ends(falling, 1, 0.031) == 4
    # a mean below 0 is no smaller share
    assert ends([value - 20 for value in falling], 1, 0.031) == 4
    # the mean of an epoch counts, though its last batch is better and better
    assert ends([3 + 0.1 * i * sign for i in range(9) for sign in (1, -1)], 2, 0.01) == 8
    assert ends([1.0] * 3, 1, 0.0) is None
    assert ends([1.0] * 4, 1, 0.0) == 4


def test_a_step_over_atoms_is_coordinate_descent_on_the_batches_it_remembers():
    generator = torch.Generator().manual_seed(0)
    atoms = torch.nn.functional.normalize(torch.randn(3, 5, generator=generator, dtype=DOUBLE))
    space = Sparse(3, 0.1)
    energy = FreeEnergy(Reconstruction(Affine(atoms), space, SquaredError(0.5)), ActiveSet())
    energy = energy.double()
    decoder = energy.energy.decoder
    step = DictionaryStep(energy, decoder, energy.energy.latent, memory=1000.0)
    a, b, seen = torch.zeros(3, 3, dtype=DOUBLE), torch.zeros(3, 5, dtype=DOUBLE), 0
    for size in (64, 96, 32):
        y = torch.randn(size, 5, generator=generator, dtype=DOUBLE)
        w = decoder.weight.detach().clone()
        z = energy.codes(y).detach()
        assert float(step(Batch(y), generator).value) == pytest.approx(
            float(energy_at(y, z, w).mean())
        )
        seen += size
        keep = 1 - size / max(size, 0.125 * seen)
        a, b = keep * a + z.T @ z, keep * b + z.T @ y
        for j in range(3):
            u = b[j] - a[j] @ w + a[j, j] * w[j]
            w[j] = u / u.norm()
        torch.testing.assert_close(decoder.weight.detach(), w)


def energy_at(y, z, w):
    return 0.5 * (y - z @ w).square().sum(dim=1) + 0.1 * z.abs().sum(dim=1)


def test_memory_is_an_epoch_once_as_much_was_seen_eight_times():
    y = torch.tensor([[2.0, 0.0], [3.0, 0.0]], dtype=DOUBLE)
    energy = FreeEnergy(
        Reconstruction(Affine(torch.eye(2)), Sparse(2, 0.0), SquaredError(0.5)), ActiveSet()
    ).double()
    step = DictionaryStep(energy, energy.energy.decoder, energy.energy.latent, memory=4.0)
    expected = 0.0
    for i in range(1, 40):
        step(Batch(y), torch.Generator())
        expected = (1 - 2 / max(2, min(4, 0.25 * i))) * expected + 13
        assert float(step.a[0, 0]) == pytest.approx(expected)


def test_a_hidden_entry_stands_at_its_reconstruction():
    atoms = torch.tensor([[0.6, 0.8], [1.0, 0.0]], dtype=DOUBLE)
    energy = FreeEnergy(
        Reconstruction(Affine(atoms[:1]), Sparse(1, 0.0), SquaredError(0.5)), ActiveSet()
    ).double()
    step = DictionaryStep(energy, energy.energy.decoder, energy.energy.latent, memory=1.0)
    step(Batch(torch.tensor([[1.2, math.nan]], dtype=DOUBLE)), torch.Generator())
    # its code is 2, and so the atom stays
    torch.testing.assert_close(step.b, torch.tensor([[2 * 1.2, 2 * 1.6]], dtype=DOUBLE), rtol=1e-4,
                               atol=0)  # fmt: skip
    torch.testing.assert_close(energy.energy.decoder.weight.detach(), atoms[:1], rtol=1e-4, atol=0)


def test_atoms_are_given_length_one():
    weight = torch.tensor([[3.0, 4.0], [0.0, 0.1]])
    unit_(weight)
    np.testing.assert_allclose(weight.numpy(), [[0.6, 0.8], [0.0, 1.0]], rtol=1e-6)


def test_an_atom_that_no_code_uses_takes_the_row_that_is_explained_worst():
    atoms = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], dtype=DOUBLE)
    energy = FreeEnergy(
        Reconstruction(Affine(atoms), Sparse(2, 0.1), SquaredError(0.5)), ActiveSet()
    ).double()
    step = DictionaryStep(energy, energy.energy.decoder, energy.energy.latent, memory=1.0)
    y = torch.tensor([[2.0, 0.0, 0.1], [3.0, 0.0, -4.0], [1.0, 0.0, 2.0]], dtype=DOUBLE)
    step(Batch(y), torch.Generator())
    expected = torch.tensor([0.6, 0.0, -0.8], dtype=DOUBLE)
    torch.testing.assert_close(energy.energy.decoder.weight[1].detach(), expected)
    # nothing is remembered of the atom that it was
    assert not step.a[1].any()
    assert not step.a[:, 1].any()
    assert not step.b[1].any()
    assert step.a[0, 0] > 0
