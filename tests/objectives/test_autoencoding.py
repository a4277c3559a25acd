"""Objectives of autoencoders, held to exact derivatives and to a closed form."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from thalweg.core import Batch, InputError
from thalweg.energies import Affine, GaussianNoise, Perceptron, Reconstruction, Saturating
from thalweg.latents import Codebook, Encoder, Flat, FreeEnergy, Gaussian, GaussianEncoder
from thalweg.objectives import Contraction, Saturation, VariationalBound, VectorQuantization

D, K = 4, 2


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def y(generator):
    return torch.randn(16, D, generator=generator)


def autoencoder(generator, network=None, latent=None):
    encoder = Perceptron((D, 8, K), generator=generator) if network is None else network
    decoder = Perceptron((K, 8, D), generator=generator)
    space = Flat(K) if latent is None else latent
    return FreeEnergy(Reconstruction(decoder, space), Encoder(encoder))


def test_contraction_is_the_norm_of_the_jacobian(generator, y):
    energy = autoencoder(generator)
    loss = Contraction(0.5, n_probes=4000)(energy, Batch(y[:2]), generator)

    def rebuilt(row):
        return energy.energy.decode(energy.solver.network(row[None]))[0]

    norms = torch.stack([torch.func.jacrev(rebuilt)(row).square().sum() for row in y[:2]])
    exact = float(norms.detach().mean())
    # the error of a mean of 4000 probes
    assert float(loss.metrics["contraction"]) == pytest.approx(exact, rel=0.1)
    expected = float(energy(y[:2]).detach().mean()) + 0.5 * float(loss.metrics["contraction"])
    assert float(loss.value.detach()) == pytest.approx(expected, rel=1e-5)


def test_contraction_makes_the_reconstruction_flatter(generator, y):
    def norm(weight):
        energy = autoencoder(torch.Generator().manual_seed(1))
        optimizer = torch.optim.Adam(energy.parameters(), lr=0.01)
        for _ in range(300):
            loss = Contraction(weight)(energy, Batch(y), generator)
            optimizer.zero_grad()
            loss.value.backward()
            optimizer.step()
        return float(loss.metrics["contraction"])

    assert norm(1.0) < 0.5 * norm(0.0)


def test_saturation_counts_what_is_not_flat(generator, y):
    network = Saturating(Perceptron((D, K), generator=generator))
    energy = autoencoder(generator, network)
    loss = Saturation(2.0)(energy, Batch(y), generator)
    with torch.no_grad():
        distance = (1 - network.network(y).abs()).clamp_min(0).sum(dim=1).mean()
        expected = energy(y).mean() + 2 * distance
    assert float(loss.value.detach()) == pytest.approx(float(expected), rel=1e-6)
    with pytest.raises(InputError, match="the encoder is a Perceptron; expected Saturating"):
        Saturation(1.0)(autoencoder(generator), Batch(y), generator)


def test_the_variational_bound_is_above_and_touches_where_q_is_exact(generator):
    weight = torch.tensor([[1.0, -0.5, 0.3, 0.8]])
    sigma = math.exp(float(torch.tensor(math.log(0.5))))
    rows = torch.randn(4000, D, generator=generator)
    covariance = weight.T @ weight + sigma**2 * torch.eye(D)
    exact = -MultivariateNormal(torch.zeros(D), covariance).log_prob(rows).mean()

    class Posterior(torch.nn.Module):
        def __init__(self, away):
            super().__init__()
            self.away = away

        def forward(self, at):
            precision = 1 + (weight @ weight.T) / sigma**2
            mean = at @ weight.T / sigma**2 / precision + self.away
            return torch.cat([mean, -0.5 * precision.log().expand_as(mean)], dim=1)

    def bound(away):
        energy = Reconstruction(Affine(weight), Gaussian(1), GaussianNoise(sigma))
        # exp(-R) is a normal density but for its constant
        model = FreeEnergy(energy, GaussianEncoder(Posterior(away), 1), 1.0)
        return float(VariationalBound()(model, Batch(rows), generator).value.detach())

    # one draw a row: the error of a mean of 4000
    assert bound(0.0) == pytest.approx(float(exact), abs=0.1)
    assert bound(1.0) > float(exact) + 0.5


def test_vector_quantization_moves_entries_to_codes_and_codes_to_entries(generator, y):
    book = Codebook(torch.tensor([[-1.0], [1.0]]), parts=K)
    energy = autoencoder(generator, latent=book)
    loss = VectorQuantization(0.25)(energy, Batch(y), generator)
    loss.value.backward()
    codes = energy.solver.network(y).detach()
    nearest = book.nearest(codes)
    # by hand: d/dc of the sum over parts of (f - c)^2, for each entry
    for i, entry in enumerate(book.entries.detach()[:, 0]):
        chosen = (nearest == entry).detach()
        expected = -2 * ((codes - entry) * chosen).sum() / len(y)
        assert float(book.entries.grad[i, 0]) == pytest.approx(float(expected), rel=1e-4, abs=1e-6)
    assert all(p.grad.abs().sum() > 0 for p in energy.solver.network.parameters())
    assert all(p.grad.abs().sum() > 0 for p in energy.energy.decoder.parameters())


@pytest.mark.parametrize(
    "objective", [Contraction(0.1), VariationalBound(), VectorQuantization()], ids=str
)
def test_a_wrong_solver_is_named(objective, generator, y):
    network = Perceptron((D, 2 * K), generator=generator)
    solvers = {"Encoder": Encoder(network), "GaussianEncoder": GaussianEncoder(network, K)}
    wrong = "Encoder" if isinstance(objective, VariationalBound) else "GaussianEncoder"
    space = (
        Codebook(torch.zeros(2, K)) if isinstance(objective, VectorQuantization) else Gaussian(K)
    )
    energy = FreeEnergy(
        Reconstruction(Perceptron((K, D), generator=generator), space), solvers[wrong], 1.0
    )
    with pytest.raises(InputError, match=f"the solver is a {wrong}; this objective expects"):
        objective(energy, Batch(y), generator)
