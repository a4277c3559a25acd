"""The energy of images at every scale of noise, and its network."""

import math

import pytest
import torch

from thalweg.core import Given, InputError, check_energy
from thalweg.energies import ConditionalUNet, NoisyImages
from thalweg.energies.silu import silu

DOUBLE = torch.float64


def energy(shape=(6, 5, 2), **sizes):
    network = ConditionalUNet(shape, **{"width": 4, "depth": 2, **sizes},
                              generator=torch.Generator().manual_seed(0))  # fmt: skip
    return NoisyImages(network).double()


def rows(n, d, seed=1):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


@pytest.mark.parametrize("scale", [0.02, 1.0, 20.0])
def test_it_keeps_the_laws_at_every_scale(scale):
    check_energy(Given(energy(), torch.full((1, 1), math.log(scale), dtype=DOUBLE)), rows(5, 60))


def test_without_its_network_it_is_the_energy_of_normal_pixels():
    model = energy()
    torch.nn.init.zeros_(model.network.leave.weight)
    y, x = rows(4, 60), torch.tensor([[-2.0], [0.0], [1.0], [3.0]], dtype=DOUBLE)
    wide = (1 + (2 * x).exp()).sqrt()
    known = -torch.distributions.Normal(0.0, wide).log_prob(y).sum(dim=1)
    torch.testing.assert_close(model(y, x), known)
    # the posterior mean of a normal pixel
    torch.testing.assert_close(model.reconstruct(y, x), y / wide**2)
    with torch.no_grad():
        torch.testing.assert_close(model.reconstruct(y, x), y / wide**2)


def test_the_field_lies_between_two_networks_whose_slopes_are_known():
    """Of r that is the same for all u, and of r = a u: with r once, and twice, in the slope."""
    model, y, x = energy(), rows(3, 60), rows(3, 1)
    wide = 1 + (2 * x).exp()
    constant, a = rows(1, 60, 4), 0.3
    for r, times in ((constant.expand_as, 1.0), (lambda u: a * u, 2.0)):
        model._seen = lambda u, x, r=r: r(u)
        by_r = x.exp() / wide.sqrt() * r(y / wide.sqrt())
        torch.testing.assert_close(model.reconstruct(y, x), y / wide + times * by_r)
        torch.testing.assert_close(model.field(y, x), y / wide + 1.5 * by_r)


def test_both_slopes_are_those_of_differences():
    model, y, x = energy(), rows(3, 60), rows(3, 1)
    by_y, by_x = model.slopes(y, x)
    step = 1e-5
    towards = rows(3, 60, 2)
    along = (model(y + step * towards, x) - model(y - step * towards, x)) / (2 * step)
    torch.testing.assert_close((by_y * towards).sum(dim=1), along, rtol=1e-6, atol=1e-6)
    along = (model(y, x + step) - model(y, x - step)) / (2 * step)
    torch.testing.assert_close(by_x[:, 0], along, rtol=1e-6, atol=1e-6)


def test_what_trains_its_slope_is_the_derivative_of_differences():
    model, y, x = energy(), rows(2, 60), rows(2, 1)
    weight = model.network.middle[0].first.weight
    loss = model.slopes(y, x)[0].square().sum()
    (found,) = torch.autograd.grad(loss, weight)
    step, direction = 1e-6, torch.randn_like(weight)
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            weight.add_(sign * step * direction)
        values.append(float(model.slopes(y, x)[0].detach().square().sum()))
        with torch.no_grad():
            weight.sub_(sign * step * direction)
    along = (values[0] - values[1]) / (2 * step)
    assert math.isclose(float((found * direction).sum()), along, rel_tol=1e-5)


def test_silu_has_the_derivatives_of_torchs_own():
    a = rows(3, 7).requires_grad_()
    torch.testing.assert_close(silu(a), torch.nn.functional.silu(a))
    torch.autograd.gradcheck(silu, a)
    torch.autograd.gradgradcheck(silu, a)


@pytest.mark.parametrize("shape", [(1, 1, 1), (8, 8, 1), (28, 28, 1), (33, 50, 3)])
def test_images_of_any_size(shape):
    network = ConditionalUNet(shape, 4, 1, torch.Generator().manual_seed(0))
    height, width, channels = shape
    images = torch.rand(2, channels, height, width)
    made = network(images, torch.zeros(2, 1))
    assert made.shape == images.shape
    assert not torch.allclose(made, network(images, torch.ones(2, 1)))


def test_a_pixel_far_away_is_seen():
    network = ConditionalUNet((28, 28, 1), 4, 2, torch.Generator().manual_seed(0))
    images = torch.rand(1, 1, 28, 28, requires_grad=True)
    network(images, torch.zeros(1, 1))[0, 0, 2, 14].backward()
    assert float(images.grad[0, 0, 24, 14].abs()) > 0


def test_nothing_is_reconstructed_without_a_scale():
    assert energy().reconstruct(rows(2, 60)) is None
    with pytest.raises(InputError, match=r"x is log sigma, \(n, 1\); got None"):
        energy()(rows(2, 60))


@pytest.mark.parametrize("how", [{"shape": (4, 4)}, {"width": 0}, {"depth": 0}])
def test_sizes_that_make_no_network_are_refused(how):
    with pytest.raises(InputError, match="ConditionalUNet: shape is"):
        ConditionalUNet(**{"shape": (4, 4, 1), "width": 2, "depth": 1, **how})
