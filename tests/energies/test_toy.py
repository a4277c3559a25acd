"""Closed forms: gradients, draws and log Z of energies that know them."""

import copy
import math

import pytest
import torch

from thalweg.core import InputError, check_energy
from thalweg.core.derivatives import along_by_autograd
from thalweg.core.energy import by_autograd
from thalweg.energies import (
    Bernoulli,
    Funnel,
    Gumbel,
    Ising,
    NetworkEnergy,
    Normal,
    NormalMixture,
    Perceptron,
    RadialBasis,
    RestrictedBoltzmann,
    TwoWells,
    every_state,
)
from thalweg.samplers import importance

DOUBLE = torch.float64


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape):
    return torch.randn(*shape, generator=seeded(3), dtype=DOUBLE)


def _bumps(energy):
    torch.nn.init.normal_(energy.heights, generator=seeded())
    return energy


KINDS = {
    "normal": lambda: Normal(random(3), torch.eye(3, dtype=DOUBLE) + 0.5),
    "gumbel": lambda: Gumbel(3).double(),
    "mixture": lambda: NormalMixture(random(4, 3), 0.7),
    "funnel": lambda: Funnel(3, 1.5).double(),
    "two wells": lambda: TwoWells(2.0),
    "machine": lambda: RestrictedBoltzmann(random(3, 4), random(3), random(4)),
    "bumps": lambda: _bumps(RadialBasis(random(5, 3), 0.7, 0.4)),
    "network": lambda: NetworkEnergy(Perceptron((3, 8, 20, 1), generator=seeded())).double(),
    "held network": lambda: NetworkEnergy(Perceptron((3, 5, 1), generator=seeded()), 0.3).double(),
    "linear": lambda: NetworkEnergy(Perceptron((3, 1), generator=seeded()), 0.5).double(),
    "wide network": lambda: NetworkEnergy(Perceptron((3, 30, 30, 1), generator=seeded())).double(),
    "tanh network": lambda: NetworkEnergy(
        Perceptron((3, 5, 1), torch.nn.Tanh, generator=seeded()), 0.3
    ).double(),
}
DRAWN = ["normal", "gumbel", "mixture", "funnel"]


@pytest.mark.parametrize("name", KINDS)
def test_the_closed_form_of_the_gradient_is_autograds(name):
    energy, y = KINDS[name](), random(7, 3)
    value, grad = by_autograd(energy, y)
    for copied in (energy, copy.deepcopy(energy)):
        found = copied.value_and_gradient(y)
        torch.testing.assert_close(found, (value, grad))
        torch.testing.assert_close(copied.gradient(y), grad)
        assert not found[0].requires_grad
        assert not found[1].requires_grad


@pytest.mark.parametrize("name", KINDS)
def test_every_energy_keeps_the_laws(name):
    rows = (random(7, 3) > 0).double() if name == "machine" else random(7, 3)
    check_energy(KINDS[name](), rows)


@pytest.mark.parametrize("name", [name for name in KINDS if name != "machine"])
def test_derivatives_along_directions_are_autograds(name):
    energy, y = KINDS[name](), random(7, 3)
    directions = random(2, 7, 3)
    found = energy.along(y, directions)
    expected = along_by_autograd(energy, y, directions)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.detach(), other.detach())


@pytest.mark.parametrize("name", DRAWN)
def test_draws_and_log_z_are_those_of_the_energy(name):
    """Importance sampling with a wide normal finds the same log Z and moments."""
    energy = KINDS[name]()
    drawn = energy.draw(100_000, seeded())
    covariance = 2 * torch.cov(drawn.T)
    wide = Normal(drawn.mean(dim=0), covariance)
    found = importance(energy, wide, 200_000, seeded(1))
    error = found.effective_size**-0.5
    assert abs(found.log_z - float(energy.log_normalizer())) < 5 * error
    sd = drawn.std(dim=0)
    assert ((found.mean() - drawn.mean(dim=0)).abs() < 5 * sd * (error + 100_000**-0.5)).all()


def test_bits():
    energy = Bernoulli(random(5))
    total = torch.logsumexp(-energy(every_state(5)), dim=0)
    torch.testing.assert_close(energy.log_normalizer(), total)
    share = energy.draw(40_000, seeded()).mean(dim=0)
    p = energy.logits.sigmoid()
    assert ((share - p).abs() < 5 * (p * (1 - p) / 40_000).sqrt()).all()


def test_a_grid_of_spins():
    grid = Ising.grid(2, 3, 1.0)
    assert int(grid.coupling.sum()) == 2 * 7
    torch.testing.assert_close(grid(torch.ones(1, 6, dtype=DOUBLE)), -7 * torch.ones(1).double())
    large = Ising.grid(5, 5, 1.0)
    assert large.log_normalizer() is None


def test_bad_shapes_are_refused():
    with pytest.raises(InputError, match="not positive definite"):
        Normal(torch.zeros(2), -torch.eye(2))
    with pytest.raises(InputError, match="as many as the biases"):
        RestrictedBoltzmann(torch.zeros(2, 3), torch.zeros(3), torch.zeros(2))
    with pytest.raises(InputError, match="2 outputs; expected 1"):
        NetworkEnergy(Perceptron((3, 4, 2))).value_and_gradient(torch.zeros(1, 3))
    with pytest.raises(InputError, match="stiffness must be at least 0"):
        NetworkEnergy(Perceptron((3, 4, 1)), -1.0)
    assert math.isinf(float(TwoWells()(torch.tensor([[1e30, 0.0]]))))


def test_bumps_far_from_zero_are_what_they_are_at_zero():
    centers, y = random(5, 3).float(), random(7, 3).float()
    here = RadialBasis(centers, 0.7).bumps(y)
    there = RadialBasis(centers + 1000, 0.7).bumps(y + 1000)
    # single precision keeps 1000 to 6e-5
    torch.testing.assert_close(there, here, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ((torch.zeros(3), 1.0), r"shape \(3,\)"),
        ((torch.zeros(3, 2, dtype=torch.long), 1.0), "int64"),
        ((torch.zeros(3, 2), 0.0), "width is 0"),
        ((torch.zeros(3, 2), 1.0, -1.0), "stiffness -1"),
    ],
)
def test_bumps_say_what_they_expect(settings, text):
    with pytest.raises(InputError, match=text):
        RadialBasis(*settings)
