"""Networks that are shown parts of images."""

import pytest
import torch

from thalweg.core import InputError
from thalweg.energies import ConvolutionalInpainter, MaskedPrediction, PatchTransformer

SHAPE = (10, 7, 2)
D = 140


def seeded(kind, **settings):
    return kind(SHAPE, generator=torch.Generator().manual_seed(0), **settings)


@pytest.fixture(params=["transformer", "convolutional"])
def network(request):
    if request.param == "transformer":
        return seeded(PatchTransformer, width=32, depth=2).double()
    return seeded(ConvolutionalInpainter, width=4).double()


@pytest.fixture
def y():
    return torch.randn(6, D, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def shown(y, seen):
    return torch.cat([torch.where(seen, y, 0), seen.to(y)], dim=1)


def patchy(n=6):
    """Whole patches hidden, a different number in every row."""
    seen = torch.ones(n, 10, 7, 2, dtype=torch.bool)
    for i in range(n):
        seen[i, : 2 * i] = False
    return seen.flatten(1)


def test_a_row_does_not_depend_on_those_beside_it(network, y):
    seen = patchy()
    together, features = network(shown(y, seen)), network.represent(shown(y, seen))
    for i in range(len(y)):
        alone = shown(y, seen)[i : i + 1]
        torch.testing.assert_close(network(alone)[0], together[i])
        torch.testing.assert_close(network.represent(alone)[0], features[i])


def test_what_is_hidden_is_told_from_zero(network, y):
    seen = patchy()
    blank = torch.where(seen, y, 0)
    told = network(shown(y, seen)) - network(shown(blank, torch.ones_like(seen)))
    assert (told[1:].abs().amax(dim=1) > 1e-4).all()


def test_every_pixel_can_say_something_of_every_other(y):
    network = seeded(PatchTransformer, width=32, depth=2).double()
    at = shown(y[:1], torch.ones(1, D, dtype=torch.bool)).requires_grad_()
    network(at)[0, 0].backward()
    assert (at.grad[0, :D].abs() > 0).all()


def test_hidden_patches_are_told_apart(y):
    network = PatchTransformer((8, 8, 1), width=32, generator=torch.Generator().manual_seed(0))
    seen = torch.ones(6, 8, 8, 1, dtype=torch.bool)
    seen[:, :, :4] = False
    made = network(shown(y[:, :64].float(), seen.flatten(1))).reshape(6, 8, 8)
    assert ((made[:, :4, :4] - made[:, 4:, :4]).abs().amax(dim=(1, 2)) > 1e-4).all()


def test_patches_lie_where_they_were(y):
    network = seeded(PatchTransformer, width=32)
    entries = network._patches(shown(y, torch.ones_like(y, dtype=torch.bool)))[..., : 2 * 16]
    torch.testing.assert_close(network.flat(network._joined(entries)), y)


def test_a_generator_settles_the_weights(network):
    kind = type(network)
    settings = {"width": 32, "depth": 2} if kind is PatchTransformer else {"width": 4}
    for one, other in zip(network.parameters(), seeded(kind, **settings).parameters(), strict=True):
        torch.testing.assert_close(one, other.double(), rtol=0, atol=0)


def test_an_energy_of_combs_holds_each_against_the_others(network, y):
    part = (torch.arange(D) // 14 % 2).long()
    energy = MaskedPrediction(network, D, part)
    others = torch.where(
        part == 0,
        network(shown(y, (part != 0).expand_as(y))),
        network(shown(y, (part != 1).expand_as(y))),
    )
    torch.testing.assert_close(energy(y), 0.5 * (y - others).square().sum(dim=1))


def test_bad_shapes_are_named():
    with pytest.raises(InputError, match=r"shape must be \(height, width, channels\)"):
        PatchTransformer((8, 8))
    with pytest.raises(InputError, match="multiple of 4 heads, 16, got 20"):
        PatchTransformer((8, 8, 1), width=20)
