"""Energies of embeddings: of pairs by prediction, of single items by the change of volume."""

import pytest
import torch

from thalweg.core import Given, InputError, check_energy
from thalweg.energies import (
    ConvolutionalInpainter,
    EmbeddedPrediction,
    GaussianEmbedding,
    Normal,
    Perceptron,
)

DOUBLE = torch.float64


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(n, d, seed=0):
    return torch.randn(n, d, generator=seeded(seed), dtype=DOUBLE)


@pytest.fixture
def pairs():
    network = ConvolutionalInpainter((6, 6, 1), 3, 1, 2, seeded())
    projector = Perceptron((48, 5), generator=seeded(1))
    return EmbeddedPrediction(network, projector, 5, 3, 12, seeded(2)).double()


def test_it_keeps_the_laws(pairs):
    check_energy(Given(pairs, rows(1, 36, 3)), rows(4, 36))


def test_it_is_the_distance_from_the_nearest_prediction(pairs):
    y, x = rows(4, 36), rows(4, 36, 1)
    predictions = pairs.predictions(x)
    assert predictions.shape == (3, 4, 5)
    known = (pairs.embed(y) - predictions).square().sum(dim=2).min(dim=0).values
    torch.testing.assert_close(pairs(y, x), known)
    with pytest.raises(InputError, match="no x was given"):
        pairs(y)


def test_a_prediction_is_what_x_has_and_a_change(pairs):
    x = rows(4, 36)
    change = pairs.prediction.energy.decoder.network.network
    s = pairs.embed(x)
    expected = s + change(s).unflatten(1, (3, 5)).transpose(0, 1)
    torch.testing.assert_close(pairs.predictions(x), expected)
    with torch.no_grad():
        for each in change.parameters():
            each.zero_()
    torch.testing.assert_close(pairs.predictions(x), s.expand(3, -1, -1))


def test_hidden_pixels_take_no_part(pairs):
    y, x = rows(2, 36), rows(2, 36, 1)
    gone = y.clone()
    gone[:, :18], x[:, 18:] = torch.nan, torch.nan
    found = pairs(gone, x)
    assert bool(found.isfinite().all())
    # what a hidden pixel is does not matter to the view, whatever it is
    view = pairs.restricted(~gone.isnan())
    torch.testing.assert_close(view(gone, x), found)
    torch.testing.assert_close(view(y, x), found)
    assert not torch.allclose(pairs(y, x), found)


def test_of_a_linear_embedding_it_is_the_normal_density():
    matrix = rows(3, 3, 4)
    embed = torch.nn.Linear(3, 3).double()
    with torch.no_grad():
        embed.weight.copy_(matrix)
    inverse = torch.linalg.inv(matrix)
    known = Normal(-inverse @ embed.bias.detach(), inverse @ inverse.T)
    y = rows(5, 3)
    torch.testing.assert_close(
        GaussianEmbedding(embed)(y), known(y) + known.log_normalizer(), rtol=1e-9, atol=1e-9
    )


def test_of_a_curved_one_it_is_normalized():
    class Sinh(torch.nn.Module):
        def forward(self, y):
            return torch.sinh(y) + 0.5 * y

    grid = torch.linspace(-4, 4, 4001, dtype=DOUBLE)[:, None]
    total = torch.trapezoid((-GaussianEmbedding(Sinh())(grid)).exp(), grid[:, 0])
    torch.testing.assert_close(total, torch.ones((), dtype=DOUBLE), rtol=1e-6, atol=0)


def test_more_components_than_columns_have_no_volume():
    with pytest.raises(InputError, match="5 components of 4 columns"):
        GaussianEmbedding(Perceptron((4, 6, 5)))(torch.zeros(2, 4))


def test_the_energy_of_single_items_keeps_the_laws():
    check_energy(GaussianEmbedding(Perceptron((4, 6, 2), generator=seeded()).double()), rows(5, 4))
