"""What autoencoders are taught, term by term, against closed forms and gradients by hand."""

import math

import pytest
import torch
from bowl import DOUBLE, Y, loss

from thalweg.core import Batch
from thalweg.energies import Affine, GaussianNoise, Perceptron, Reconstruction, Saturating
from thalweg.latents import Codebook, Encoder, Flat, FreeEnergy, Gaussian, GaussianEncoder
from thalweg.objectives import Contraction, Saturation, VariationalBound, VectorQuantization


def coder(encode, latent, d=2, k=2):
    generator = torch.Generator().manual_seed(0)
    decoder = Perceptron((k, 4, d), generator=generator)
    return FreeEnergy(Reconstruction(decoder, latent), Encoder(encode)).double()


@pytest.mark.parametrize("probes", [1, 3])
def test_the_contraction_of_a_line_is_exact_with_any_probe(probes):
    # one column: whatever the sign, (v J)^2 is the squared derivative
    encode = Perceptron((1, 4, 1), generator=torch.Generator().manual_seed(1))
    energy = coder(encode, Flat(1), 1, 1)
    rows = Y[:, :1].clone().requires_grad_()
    rebuilt = energy.energy.decode(encode(rows))
    (slope,) = torch.autograd.grad(rebuilt.sum(), rows)
    cost = (rebuilt - rows).square().mean()
    value, metrics = loss(Contraction(0.4, probes), energy, Batch(Y[:, :1]))
    assert metrics["contraction"] == pytest.approx(float(slope.square().mean()))
    assert value == pytest.approx(float(cost.detach()) + 0.4 * float(slope.square().mean()))


def test_hidden_entries_take_no_part_in_saturation():
    encode = Saturating(Perceptron((2, 2), generator=torch.Generator().manual_seed(1)))
    energy = coder(encode, Flat(2))
    holed = Y.clone()
    holed[0, 1] = math.nan
    value, metrics = loss(Saturation(2.0), energy, Batch(holed))
    shown = holed.nan_to_num()
    z = encode(shown)
    error = (energy.energy.decode(z) - shown).square()
    error[0, 1] = 0
    assert metrics["energy"] == pytest.approx(float(error.sum(dim=1).mean().detach()))
    assert metrics["distance"] == pytest.approx(float(encode.distance(shown).mean().detach()))
    assert value == pytest.approx(metrics["energy"] + 2 * metrics["distance"])


def test_the_divergence_from_the_prior_is_that_of_normal_densities():
    class Network(torch.nn.Module):
        def forward(self, y):
            return torch.cat([y, 0.3 * y - 0.4], dim=1)

    energy = Reconstruction(Affine(torch.eye(2)), Gaussian(2), GaussianNoise(0.8))
    model = FreeEnergy(energy, GaussianEncoder(Network(), 2), 1.0).double()
    _, metrics = loss(VariationalBound(), model, Batch(Y))
    q = torch.distributions.Normal(Y, (0.3 * Y - 0.4).exp())
    prior = torch.distributions.Normal(torch.zeros((), dtype=DOUBLE), 1.0)
    expected = torch.distributions.kl_divergence(q, prior).sum(dim=1).mean()
    assert metrics["divergence"] == pytest.approx(float(expected))


def quantized():
    book = Codebook(torch.tensor([[-1.0, -1.0], [1.0, 1.0], [50.0, 50.0]]))
    return book, coder(torch.nn.Linear(2, 2), book)


def test_codes_and_entries_cost_their_distances():
    book, energy = quantized()
    value, metrics = loss(VectorQuantization(0.3), energy, Batch(Y))
    with torch.no_grad():
        codes = energy.solver.network(Y)
        z = book.nearest(codes)
        distance = (codes - z).square().sum(dim=1).mean()
        data = (energy.energy.decode(z) - Y).square().sum(dim=1).mean()
    assert metrics["distance"] == pytest.approx(float(distance))
    assert value == pytest.approx(float(data + 1.3 * distance))


@pytest.mark.parametrize("commitment", [0.0, 0.3])
def test_only_the_commitment_draws_codes_to_their_entries(commitment):
    book, energy = quantized()
    learned = [*energy.solver.network.parameters(), book.entries]
    codes = energy.solver.network(Y)
    z = book.nearest(codes)
    through = codes + (z - codes).detach()
    data = (energy.energy.decode(through) - Y).square().sum(dim=1).mean()
    entries = (codes.detach() - z).square().sum(dim=1).mean()
    nearer = (codes - z.detach()).square().sum(dim=1).mean()
    expected = torch.autograd.grad(data + entries + commitment * nearer, learned)
    found = VectorQuantization(commitment)(energy, Batch(Y), torch.Generator()).value
    for one, other in zip(torch.autograd.grad(found, learned), expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("until", "last"), [(None, 6), (4, 4), (5, 4), (3, 2)])
def test_entries_that_no_row_uses_come_back_until_the_last_step_for_it(until, last):
    book, energy = quantized()
    objective = VectorQuantization(0.3, revive_every=2, revive_until=until)
    revived = []
    for step in range(1, 7):
        book.entries.data[2] = 50.0
        used = book.entries.data[:2].clone()
        loss(objective, energy, Batch(Y))
        if (book.entries[2] != 50.0).all():
            revived.append(step)
            codes = energy.solver.network(Y)
            assert (codes == book.entries[2]).all(dim=1).any()
        # those in use stay
        codes = energy.solver.network(Y).detach()
        taken = torch.cdist(codes, used).argmin(dim=1).unique()
        torch.testing.assert_close(book.entries.data[taken], used[taken], rtol=0, atol=0)
    assert revived == list(range(2, last + 1, 2))


def test_an_entry_stays_that_any_row_has_used_since_it_was_last_looked_at():
    book = Codebook(torch.tensor([[0.0, 0.0], [50.0, 50.0]]))
    energy = coder(torch.nn.Identity(), book)
    objective = VectorQuantization(revive_every=2)
    stayed = []
    for rows in (Y + 49, Y, Y, Y):
        loss(objective, energy, Batch(rows))
        stayed.append(bool((book.entries[1] == 50.0).all()))
    assert stayed == [True, True, True, False]
