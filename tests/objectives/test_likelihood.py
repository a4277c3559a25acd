"""Maximum likelihood: the gradient of the lecture, held to exact ones."""

import math

import pytest
import torch

from thalweg.core import Batch, InputError
from thalweg.energies import (
    Ising,
    NetworkEnergy,
    Normal,
    Perceptron,
    RestrictedBoltzmann,
    every_state,
)
from thalweg.objectives import Drawn, EveryState, Lattice, MaximumLikelihood

DOUBLE = torch.float64


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def gradient(energy, loss):
    energy.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in energy.parameters()])


def machine(generator, d=5, k=3):
    return RestrictedBoltzmann(
        torch.randn(d, k, generator=generator, dtype=DOUBLE),
        torch.randn(d, generator=generator, dtype=DOUBLE),
        torch.randn(k, generator=generator, dtype=DOUBLE),
    )


def test_by_enumeration_it_is_data_minus_model_to_rounding(generator):
    energy = machine(generator)
    y = (torch.rand(20, 5, generator=generator) < 0.5).double()
    loss = MaximumLikelihood(EveryState())(energy, Batch(y), generator)
    found = gradient(energy, loss.value)
    states = every_state(5)
    share = torch.softmax(-energy(states), dim=0).detach()
    exact = gradient(energy, energy(y).mean() - (share * energy(states)).sum())
    torch.testing.assert_close(found, exact, rtol=1e-10, atol=1e-12)
    likelihood = energy(y).mean() + energy.log_normalizer()
    torch.testing.assert_close(loss.value.detach(), likelihood.detach())


def test_weights_count_rows(generator):
    energy = machine(generator)
    y = (torch.rand(4, 5, generator=generator) < 0.5).double()
    once = MaximumLikelihood(EveryState())(
        energy, Batch(y, weight=torch.tensor([2.0, 1, 0, 0], dtype=DOUBLE)), generator
    )
    again = MaximumLikelihood(EveryState())(energy, Batch(y[[0, 0, 1]]), generator)
    torch.testing.assert_close(once.value, again.value)


def smooth(generator):
    network = Perceptron((2, 16, 1), generator=generator)
    return NetworkEnergy(network, stiffness=1.0).double()


def fine_gradient(energy, y, side=400, reach=9.0):
    axis = torch.linspace(-reach, reach, side, dtype=DOUBLE)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    share = torch.softmax(-energy(grid), dim=0).detach()
    return gradient(energy, energy(y).mean() - (share * energy(grid)).sum())


def test_by_quadrature_it_is_that_of_a_much_finer_grid(generator):
    energy = smooth(generator)
    y = torch.randn(50, 2, generator=generator, dtype=DOUBLE)
    objective = MaximumLikelihood(Lattice(64, margin=1.0))
    objective.begin(energy, y, generator)
    found = gradient(energy, objective(energy, Batch(y), generator).value)
    torch.testing.assert_close(found, fine_gradient(energy, y), rtol=1e-3, atol=1e-4)


def test_the_shifted_lattice_has_no_bias_where_a_fixed_one_has(generator):
    # one narrow well that a coarse lattice mostly misses
    energy = Normal(torch.zeros(2), 0.003 * torch.eye(2))
    y = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
    lattice = Lattice(8, margin=0.0)
    lattice.begin(y)
    estimates = []
    for _ in range(3000):
        points, log_weight = lattice(y, generator)
        estimates.append(torch.logsumexp(log_weight - energy(points), dim=0).exp())
    estimates = torch.stack(estimates)
    exact = math.exp(float(energy.log_normalizer()))
    error = float(estimates.std()) / math.sqrt(len(estimates))
    assert abs(float(estimates.mean()) - exact) < 4 * error
    fixed = Lattice(8, margin=0.0, shifted=False)
    fixed.begin(y)
    points, log_weight = fixed(y, generator)
    off = float(torch.logsumexp(log_weight - energy(points), dim=0).exp())
    assert abs(off - exact) > 10 * error


def test_by_importance_it_comes_to_the_exact_gradient(generator):
    energy = smooth(generator)
    y = torch.randn(50, 2, generator=generator, dtype=DOUBLE)
    wide = Normal(torch.zeros(2, dtype=DOUBLE), 2 * torch.eye(2, dtype=DOUBLE))
    objective = MaximumLikelihood(Drawn(wide, 4000))
    exact = fine_gradient(energy, y)
    found = torch.stack(
        [gradient(energy, objective(energy, Batch(y), generator).value) for _ in range(60)]
    )
    error = found.std(dim=0) / math.sqrt(len(found))
    # self-normalized weights: a bias of the order of 1 / 4000
    assert ((found.mean(dim=0) - exact).abs() < 5 * error + 2e-3).all()


def test_what_cannot_be_summed_is_said(generator):
    energy = machine(generator)
    with pytest.raises(InputError, match="EveryState: y has 21 columns; expected at most 20"):
        EveryState()(torch.zeros(2, 21), generator)
    with pytest.raises(InputError, match=r"Lattice: rows have shape \(4,\); expected at most 3"):
        Lattice().begin(torch.zeros(2, 4))
    with pytest.raises(InputError, match="Drawn: Ising cannot be drawn from"):
        Drawn(Ising.grid(2, 2, 0.1))
    with pytest.raises(InputError, match="side is 1"):
        Lattice(1)
    pair = Batch(torch.zeros(2, 5, dtype=DOUBLE), torch.zeros(2, 1))
    with pytest.raises(InputError, match="x is given; expected an energy of y alone"):
        MaximumLikelihood(EveryState())(energy, pair, generator)
