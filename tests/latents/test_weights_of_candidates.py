"""How much each candidate counts, and for which rows a solver vouches: exactly, by hand."""

import math

import pytest
import torch

from thalweg.core import Candidates, LatentEnergy
from thalweg.energies import Affine, GaussianNoise, Reconstruction
from thalweg.latents import (
    Ball,
    Box,
    Descent,
    Encoder,
    Flat,
    FreeEnergy,
    Gaussian,
    GaussianEncoder,
    Importance,
    Laplace,
    LatentSolver,
    LeastSquares,
    Quadrature,
    Sparse,
)

DOUBLE = torch.float64


class Prior(LatentEnergy):
    """R alone: its sum over z is the volume of the space."""

    def __init__(self, latent):
        super().__init__()
        self.latent = latent

    def data_term(self, y, z, x=None):
        return torch.zeros(torch.broadcast_shapes(z.shape[:-1], y.shape[:1]), dtype=y.dtype)


class Square(torch.nn.Module):
    """The decoder z -> z^2: at z = 0 the energy of a row y curves by 2 - 4 y (and 1 of R)."""

    def forward(self, z):
        return z.square()


class Fixed(LatentSolver):
    """Three candidates of different weights."""

    def solve(self, energy, y, x=None, beta=math.inf):
        z = torch.tensor([[[-1.0]], [[0.5]], [[2.0]]], dtype=DOUBLE)
        weight = torch.tensor([[0.3], [-2.0], [1.1]], dtype=DOUBLE)
        return Candidates(z, weight, torch.ones(len(y), dtype=torch.bool))


def line(y):
    """C = (y - 2 z)^2 over all z."""
    return Reconstruction(Affine(torch.tensor([[2.0]], dtype=DOUBLE)), Flat(1)).double(), y[:, None]


@pytest.fixture
def y():
    return torch.tensor([[-1.0], [0.0], [0.3], [4.0]], dtype=DOUBLE)


def test_a_grid_is_the_midpoints_of_cells_that_fill_the_box(y):
    box = Box(torch.tensor([0.0, -1.0], dtype=DOUBLE), torch.tensor([2.0, 5.0], dtype=DOUBLE))
    found = Quadrature(4).solve(Prior(box), y, beta=1.0)
    first, second = [0.25, 0.75, 1.25, 1.75], [-0.25, 1.25, 2.75, 4.25]
    expected = torch.tensor([[a, b] for a in first for b in second], dtype=DOUBLE)
    torch.testing.assert_close(found.z[:, 0], expected)
    torch.testing.assert_close(found.log_weight.exp().sum(0), torch.tensor([12.0], dtype=DOUBLE))
    assert found.converged.tolist() == [True] * 4


@pytest.mark.parametrize("beta", [0.5, 3.0])
def test_a_grid_integrates_to_second_order(y, beta):
    box = Box(torch.zeros(1, dtype=DOUBLE), torch.ones(1, dtype=DOUBLE))
    energy = Reconstruction(Affine(torch.tensor([[1.0]], dtype=DOUBLE)), box).double()
    root = math.sqrt(beta)
    exact = 0.5 * math.sqrt(math.pi) / root * (torch.erf(root * y) - torch.erf(root * (y - 1)))
    errors = []
    for points in (50, 100):
        with torch.no_grad():
            value = torch.exp(-beta * FreeEnergy(energy, Quadrature(points), beta)(y))
        errors.append((value - exact[:, 0]).abs())
    assert (errors[0] < 2e-4).all()
    torch.testing.assert_close(errors[0] / errors[1], torch.full((4,), 4.0).double(), rtol=0.1,
                               atol=0)  # fmt: skip


def test_without_a_definite_curvature_the_energy_is_that_of_the_minimum(y):
    energy = Reconstruction(Square(), Gaussian(1)).double()
    beta, zero = 3.0, Descent(starts=torch.zeros(1, 1, dtype=DOUBLE))
    solver = Laplace(zero)
    curvature = 1 - 4 * y[:, 0]
    definite = curvature > 0
    assert definite.tolist() == [True, True, False, False]
    least = y[:, 0].square()
    expected = least + 0.5 / beta * (beta * curvature.clamp_min(1e-300) / (2 * math.pi)).log()
    with torch.no_grad():
        found = FreeEnergy(energy, solver, beta)
        torch.testing.assert_close(found(y), torch.where(definite, expected, least))
        assert found.infer(y).converged.tolist() == definite.tolist()


def test_rows_without_a_definite_curvature_spoil_no_gradient(y):
    zero = Descent(starts=torch.zeros(1, 2, dtype=DOUBLE))
    # of two codes one curves down for some rows; the value and its slopes stay numbers
    energy = Reconstruction(Square(), Gaussian(2)).double()
    rows = torch.cat([y, y.flip(0)], dim=1).requires_grad_()
    definite = (1 - 4 * rows.detach() > 0).all(dim=1)
    for solver in (Laplace(zero), Importance(5, Laplace(zero))):
        value = FreeEnergy(energy, solver, 2.0)(rows)
        assert value.isfinite().all()
        (slope,) = torch.autograd.grad(value.sum(), rows)
        assert slope.isfinite().all()
        if isinstance(solver, Laplace):
            torch.testing.assert_close(slope[~definite], 2 * rows.detach()[~definite])


def test_draws_around_a_minimum_vouch_for_definite_rows_that_converged(y):
    energy = Reconstruction(Square(), Gaussian(1)).double()
    start = torch.zeros(1, 1, dtype=DOUBLE)
    found = Importance(8, Laplace(Descent(starts=start))).solve(energy, y, beta=2.0)
    assert found.converged.tolist() == [True, True, False, False]
    # one step from far away is not enough for any
    for make in (Laplace, lambda minimizer: Importance(8, Laplace(minimizer))):
        short = make(Descent(starts=start + 3, max_iter=1)).solve(energy, y, beta=2.0)
        assert short.converged.tolist() == [False] * 4
    assert Importance(8).solve(energy, y).converged.tolist() == [True] * 4


@pytest.mark.parametrize("n", [1, 7])
@pytest.mark.parametrize(
    "space",
    [Gaussian(2), Sparse(2, 0.7), Ball(3, 1.5), Box(torch.zeros(2), torch.tensor([1.0, 3.0]))],
    ids=lambda space: type(space).__name__,
)
def test_draws_from_the_prior_weigh_its_volume(space, n, y):
    energy = Prior(space.to(DOUBLE))
    value = FreeEnergy(energy, Importance(n), 1.0)(y)
    torch.testing.assert_close(value, -space.log_volume().expand(4))


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_draws_around_the_minimum_are_exact_for_a_parabola(y, n, beta):
    energy, rows = line(y[:, 0])
    with torch.no_grad():
        value = FreeEnergy(energy, Importance(n, Laplace(LeastSquares())), beta)(rows)
    # the integral of exp(-4 beta z^2)
    expected = -0.5 * math.log(math.pi / (4 * beta)) / beta
    torch.testing.assert_close(value, torch.full((4,), expected, dtype=DOUBLE))


@pytest.mark.parametrize("n", [1, 5])
def test_draws_of_an_encoder_weigh_one_over_their_density(n):
    class Network(torch.nn.Module):
        def forward(self, y):
            return torch.cat([y, 0 * y + math.log(0.5)], dim=1)

    rows = torch.tensor([[0.7], [-3.0]], dtype=DOUBLE)
    encoder = GaussianEncoder(Network(), 1, n).double()
    found = encoder.solve(Prior(Gaussian(1).double()), rows, beta=1.0)
    density = torch.distributions.Normal(rows[:, 0], 0.5).log_prob(found.z[..., 0])
    torch.testing.assert_close(found.log_weight, -density - math.log(n))


@pytest.mark.parametrize("beta", [0.4, 2.0])
def test_candidates_share_a_row_by_weight_and_energy(y, beta):
    energy, rows = line(y[:, 0])
    model = FreeEnergy(energy, Fixed(), beta)
    z, weight = Fixed().solve(energy, rows)[:2]
    mass = weight.exp() * torch.exp(-beta * (rows[:, 0] - 2 * z[:, :, 0]).square())
    share = mass / mass.sum(dim=0)
    torch.testing.assert_close(model.responsibilities(rows), share)
    torch.testing.assert_close(model(rows).detach(), -mass.sum(dim=0).log() / beta)
    mean = 2 * (share * z[:, :, 0]).sum(dim=0)
    torch.testing.assert_close(model.expect(rows)[:, 0].detach(), mean)


def test_at_no_temperature_the_best_candidate_has_all_of_a_row(y):
    energy, rows = line(y[:, 0])
    model = FreeEnergy(energy, Fixed())
    nearest = (rows[:, 0] - 2 * torch.tensor([[-1.0], [0.5], [2.0]])).abs().argmin(dim=0)
    expected = torch.nn.functional.one_hot(nearest, 3).T.to(DOUBLE)
    torch.testing.assert_close(model.responsibilities(rows), expected)
    torch.testing.assert_close(
        model.codes(rows)[:, 0], torch.tensor([-1.0, 0.5, 2.0], dtype=DOUBLE)[nearest]
    )


def test_the_noise_of_a_cost_is_in_the_mass(y):
    sigma = 0.5
    energy = Reconstruction(Affine(torch.tensor([[2.0]])), Gaussian(1), GaussianNoise(sigma))
    with torch.no_grad():
        value = FreeEnergy(energy.double(), Laplace(LeastSquares()), 1.0)(y)
    # minus the log likelihood, but for the constant of exp(-R)
    density = torch.distributions.Normal(torch.zeros((), dtype=DOUBLE), math.sqrt(4 + sigma**2))
    expected = -density.log_prob(y[:, 0]) - 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-6)


def test_hidden_entries_send_an_encoder_down_its_energy(y):
    weight = torch.tensor([[2.0, -1.0]], dtype=DOUBLE)
    energy = Reconstruction(Affine(weight), Flat(1)).double()
    network = torch.nn.Linear(2, 1).double()
    rows = torch.cat([y, y + 1], dim=1)
    model = FreeEnergy(energy, Encoder(network, max_iter=1, hidden_iter=500, tol=1e-9)).eval()
    visible = torch.tensor([[True, False]]).expand(4, 2)
    # what is visible says the code exactly
    torch.testing.assert_close(model.restricted(visible).codes(rows), y / 2, rtol=1e-4, atol=1e-6)
    # and in training the network's word is taken
    shown = torch.where(visible, rows, 0)
    torch.testing.assert_close(model.train().restricted(visible).codes(rows), network(shown))


def test_a_code_that_has_a_prior_is_drawn_at_temperature_one_alone():
    weight = torch.tensor([[2.0]], dtype=DOUBLE)
    ball = Ball(1, 2.0).to(DOUBLE)
    for space, beta, known in (
        (ball, 1.0, True), (ball, 3.0, True), (Gaussian(1), 1.0, True), (Gaussian(1), 3.0, False),
        (Flat(1), 1.0, False),
    ):  # fmt: skip
        energy = Reconstruction(Affine(weight), space, GaussianNoise(0.01)).double()
        drawn = energy.draw(5, beta, torch.Generator().manual_seed(0))
        assert (drawn is not None) == known


def test_one_descent_that_arrives_is_enough(y):
    energy = Reconstruction(Square(), Flat(1)).double()
    # from 0 a descent is there at once; from 50 a few steps are not enough
    starts = torch.tensor([[0.0], [50.0]], dtype=DOUBLE)
    found = Descent(2, max_iter=10, starts=starts).solve(energy, y)
    assert found.converged.tolist() == [True] * 4
    assert Descent(1, max_iter=10, starts=starts[1:]).solve(energy, y).converged.tolist() == (
        [False] * 4
    )
