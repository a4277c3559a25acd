"""Free energies by four ways, held to the closed form of a linear-Gaussian energy."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from thalweg.core import InputError
from thalweg.energies import Affine, GaussianNoise, Perceptron, Reconstruction
from thalweg.latents import (
    Box,
    Descent,
    Encoder,
    Exhaustive,
    Flat,
    FreeEnergy,
    Gaussian,
    GaussianEncoder,
    Importance,
    Laplace,
    LeastSquares,
    Quadrature,
    Sparse,
)

# a parameter that begins in single precision, so that no rounding separates it from the closed form
SIGMA = math.exp(float(torch.tensor(math.log(0.6))))
D, K = 3, 2


@pytest.fixture
def weight():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(K, D, generator=generator, dtype=torch.float64)


@pytest.fixture
def y():
    return torch.randn(20, D, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def energy_of(weight):
    return Reconstruction(Affine(weight), Gaussian(len(weight)), GaussianNoise(SIGMA)).double()


def exact(weight, y, beta):
    """-1/beta log of the integral of exp(-beta E) over z, E quadratic in z and y."""
    d, k = weight.shape[1], weight.shape[0]
    # exp(-beta E) = N(y; zW, s^2 / beta) N(z; 0, 1 / beta) times constants
    covariance = (weight.T @ weight + SIGMA**2 * torch.eye(d, dtype=torch.float64)) / beta
    log_density = MultivariateNormal(y.new_zeros(d), covariance).log_prob(y)
    noise = 0.5 * d * (math.log(2 * math.pi * SIGMA**2 / beta))
    prior = 0.5 * k * math.log(2 * math.pi / beta)
    constant = -beta * d * math.log(SIGMA * math.sqrt(2 * math.pi)) + noise + prior
    return -(log_density + constant) / beta


WAYS = {
    "laplace": (Laplace(LeastSquares()), 1e-9),
    "quadrature": (Quadrature(300), 1e-6),
    "importance around the minimum": (Importance(64, Laplace(LeastSquares())), 1e-9),
}


@pytest.mark.parametrize("beta", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("way", WAYS)
def test_the_closed_form(weight, y, beta, way):
    solver, tolerance = WAYS[way]
    with torch.no_grad():
        value = FreeEnergy(energy_of(weight), solver, beta)(y)
    torch.testing.assert_close(value, exact(weight, y, beta), atol=tolerance, rtol=0)


def test_importance_from_the_prior_is_within_its_error(weight, y):
    energy, n = energy_of(weight), 4000
    with torch.no_grad():
        candidates = Importance(n, seed=3).solve(energy, y)
        terms = torch.exp(candidates.log_weight - energy(y, candidates.z))
        total, error = terms.sum(0), n**0.5 * terms.std(0)
        value = torch.exp(-exact(weight, y, 1.0))
    assert ((total - value).abs() < 5 * error).all()


def test_f_is_the_least_e_and_f_beta_rises_to_it(weight, y):
    energy = energy_of(weight)
    with torch.no_grad():
        lowest = FreeEnergy(energy, LeastSquares())(y)
        z = torch.randn(50, 1, K, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        assert (lowest <= energy(y, z).min(dim=0).values + 1e-12).all()
        # with a box of volume 1 the integral is a mean, and F_beta cannot be below the minimum
        box = Box(torch.zeros(K, dtype=torch.float64), torch.ones(K, dtype=torch.float64))
        inside = Reconstruction(Affine(weight), box)
        grid = FreeEnergy(inside, Quadrature(100))(y)
        previous = torch.full_like(grid, math.inf)
        for beta in (0.1, 1.0, 10.0, 1000.0):
            value = FreeEnergy(inside, Quadrature(100), beta)(y)
            assert (value <= previous + 1e-12).all()
            assert (value >= grid - 1e-12).all()
            previous = value
        assert (previous - grid).max() < 0.02


def test_least_squares_with_hidden_coordinates(weight, y):
    visible = torch.ones(20, D, dtype=torch.bool)
    visible[::2, 1] = False
    visible[::3, 2] = False
    holed = torch.where(visible, y, math.nan)
    energy = Reconstruction(Affine(weight, torch.ones(D, dtype=torch.float64)), Flat(K)).double()
    with torch.no_grad():
        z = FreeEnergy(energy, LeastSquares()).restricted(visible).codes(holed)
    for i in range(20):
        some = weight[:, visible[i]]
        found = torch.linalg.lstsq(some.T, (y[i] - 1)[visible[i]], driver="gelsd").solution
        torch.testing.assert_close(z[i], found)


def test_gradients_of_the_quadrature_equal_finite_differences(weight, y):
    def value(rows, w):
        energy = FreeEnergy(energy_of(weight), Quadrature(40), 1.0)
        return torch.func.functional_call(energy, {"energy.decoder.weight": w}, (rows,))

    rows = y[:3].clone().requires_grad_()
    assert torch.autograd.gradcheck(value, (rows, weight.clone().requires_grad_()))


def test_descent_finds_what_least_squares_finds(weight, y):
    energy = energy_of(weight)
    with torch.no_grad():
        exactly = FreeEnergy(energy, LeastSquares())(y)
        found = FreeEnergy(energy, Descent(2, max_iter=2000, tol=1e-9))
        torch.testing.assert_close(found(y), exactly, rtol=1e-6, atol=1e-6)
        assert found.infer(y).converged.all()


def test_descent_of_a_network_ends_where_the_slope_is_zero(y):
    network = Perceptron((K, 16, D), generator=torch.Generator().manual_seed(0)).double()
    energy = Reconstruction(network, Gaussian(K)).double()
    candidates = Descent(3, max_iter=3000, tol=1e-8).solve(energy, y)
    z = candidates.z.detach().requires_grad_()
    (slope,) = torch.autograd.grad(energy(y, z).sum(), z)
    assert slope[:, candidates.converged].abs().max() < 1e-4


def test_a_perfect_encoder_is_exact(weight, y):
    class Exact(torch.nn.Module):
        """Mean and log standard deviation of p(z | y), for one-dimensional z."""

        def forward(self, rows):
            w = weight[:1]
            precision = 1 + w @ w.T / SIGMA**2
            mean = rows @ w.T / SIGMA**2 / precision
            return torch.cat([mean, -0.5 * precision.log().expand_as(mean)], dim=1)

    energy = energy_of(weight[:1])
    with torch.no_grad():
        encoder = GaussianEncoder(Exact(), 1, 4).double()
        value = FreeEnergy(energy, encoder, 1.0)(y)
    # all weights are equal, so that few draws do
    torch.testing.assert_close(value, exact(weight[:1], y, 1.0))


def test_an_encoder_is_attached_and_above_the_minimum(weight, y):
    network = Perceptron((D, K), generator=torch.Generator().manual_seed(0)).double()
    energy = energy_of(weight)
    amortized = FreeEnergy(energy, Encoder(network)).eval()
    value = amortized(y)
    with torch.no_grad():
        lowest = FreeEnergy(energy, LeastSquares())(y)
        refined = FreeEnergy(energy, Encoder(network, max_iter=500)).eval()(y)
    assert (value >= lowest).all()
    torch.testing.assert_close(refined, lowest, rtol=1e-5, atol=1e-5)
    value.sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_what_has_no_such_way_is_refused(weight, y):
    energy = energy_of(weight)
    sparse = Reconstruction(Affine(weight), Sparse(K, 1.0)).double()
    with pytest.raises(InputError, match="Exhaustive: Gaussian has no list"):
        FreeEnergy(energy, Exhaustive())(y)
    with pytest.raises(InputError, match="LeastSquares: latent space Sparse"):
        FreeEnergy(sparse, LeastSquares())(y)
    with pytest.raises(InputError, match="Laplace: latent space Sparse"):
        FreeEnergy(sparse, Laplace(Descent(1)), 1.0)(y)
    wide = Reconstruction(Affine(weight.repeat(2, 1)), Gaussian(4)).double()
    with pytest.raises(InputError, match="at most 3 dimensions"):
        FreeEnergy(wide, Quadrature(10), 1.0)(y)
    flat = Reconstruction(Affine(weight), Flat(K)).double()
    with pytest.raises(InputError, match="Importance: Flat has no prior"):
        FreeEnergy(flat, Importance(10), 1.0)(y)


@pytest.mark.parametrize("make", [Laplace, lambda least: Importance(400, Laplace(least))])
def test_of_several_minima_the_lowest_counts(make):
    class Curve(torch.nn.Module):
        """Two codes come near y = 4, one nearer."""

        def forward(self, z):
            return z.square() - 0.5 * z

    y = torch.tensor([[4.0]], dtype=torch.float64)
    energy = Reconstruction(Curve(), Gaussian(1)).double()
    values = []
    for first in (2.5, -2.5):
        starts = torch.tensor([[first], [-first]], dtype=torch.float64)
        with torch.no_grad():
            values.append(float(FreeEnergy(energy, make(Descent(2, starts=starts)), 20.0)(y)))
    assert values[0] == pytest.approx(values[1], abs=1e-3)
    with torch.no_grad():
        fine = float(FreeEnergy(energy, Quadrature(4000), 20.0)(y))
    assert values[0] == pytest.approx(fine, abs=0.02)


def test_codes_of_a_gaussian_encoder_are_its_means(y):
    network = Perceptron((D, 2 * K), generator=torch.Generator().manual_seed(0)).double()
    energy = Reconstruction(
        Perceptron((K, D), generator=torch.Generator().manual_seed(1)), Gaussian(K), GaussianNoise()
    )
    model = FreeEnergy(energy, GaussianEncoder(network, K), 1.0).double()
    with torch.no_grad():
        torch.testing.assert_close(model.codes(y), network(y)[:, :K])


def test_an_encoder_says_where_its_descent_did_not_converge(weight, y):
    network = Perceptron((D, K), generator=torch.Generator().manual_seed(0)).double()
    energy = energy_of(weight)
    short = FreeEnergy(energy, Encoder(network, max_iter=1)).eval()
    long = FreeEnergy(energy, Encoder(network, max_iter=2000)).eval()
    assert not short.infer(y).converged.all()
    assert long.infer(y).converged.all()
