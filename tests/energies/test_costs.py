"""Costs on both sides of the number of differences from which a compiled loop takes them."""

import pytest
import torch

from thalweg.energies import Affine, GaussianNoise, Reconstruction, SquaredError
from thalweg.energies.pairs import SMALL
from thalweg.latents import Exhaustive, FreeEnergy, OneHot

DOUBLE = torch.float64


@pytest.mark.parametrize("scale", [1.0, 0.3])
@pytest.mark.parametrize("rows", [SMALL // 32 - 1, SMALL // 32, SMALL // 32 + 1])
def test_the_least_cost_is_that_of_differences(rows, scale):
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(rows, 4, generator=generator, dtype=DOUBLE)
    points = torch.randn(8, 4, generator=generator, dtype=DOUBLE)
    every = scale * (y - points[:, None]).square().sum(dim=2)
    cost = SquaredError(scale)
    torch.testing.assert_close(cost.least(y, points), every.amin(dim=0))
    value, which = cost.lowest(y, points)
    torch.testing.assert_close(value, every.amin(dim=0))
    assert torch.equal(which, every.argmin(dim=0))
    torch.testing.assert_close(cost.pairwise(y, points), every)
    with torch.no_grad():
        energy = FreeEnergy(Reconstruction(Affine(points), OneHot(8), cost), Exhaustive())
        torch.testing.assert_close(energy.double()(y), every.amin(dim=0))


def test_products_where_something_learns_are_as_exact():
    generator = torch.Generator().manual_seed(0)
    # one point and a few rows near it are far away, where products cancel
    points = torch.randn(9, 6, generator=generator, dtype=DOUBLE)
    points[0] += 1e6
    y = torch.randn(1200, 6, generator=generator, dtype=DOUBLE)
    y[:50] += 1e6
    visible = torch.rand(1200, 6, generator=generator) < 0.7
    # what is hidden does not matter, a number or none
    for seen, there in ((None, 0.0), (visible, torch.nan), (visible, 1e3)):
        rows = y if seen is None else torch.where(seen, y, there)
        away = y - points[:, None]
        away = away if seen is None else torch.where(seen, away, 0)
        cost = SquaredError() if seen is None else SquaredError().restricted(seen)
        learned = points.clone().requires_grad_()
        found = cost.pairwise(rows, learned)
        torch.testing.assert_close(found.detach(), away.square().sum(dim=2), rtol=1e-9, atol=1e-9)
        (slope,) = torch.autograd.grad(found.sum(), learned)
        torch.testing.assert_close(slope, -2 * away.sum(dim=1), rtol=1e-6, atol=1e-3)


def test_hidden_coordinates_of_many_rows_cost_nothing():
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(3000, 5, generator=generator, dtype=DOUBLE)
    points = torch.randn(7, 5, generator=generator, dtype=DOUBLE) + 1
    visible = torch.rand(3000, 5, generator=generator) < 0.6
    expected = torch.where(visible, y - points[:, None], 0).square().sum(dim=2)
    cost = SquaredError().restricted(visible)
    torch.testing.assert_close(cost.pairwise(y, points), expected)
    value, which = cost.lowest(y, points)
    torch.testing.assert_close(value, expected.amin(dim=0))
    assert torch.equal(which, expected.argmin(dim=0))


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_noise_has_the_size_that_cost_and_temperature_say(beta):
    prediction = torch.full((20_000, 2), 7.0, dtype=DOUBLE)
    for cost, sigma in ((SquaredError(0.5), 1.0), (SquaredError(2.0), 0.5),
                        (GaussianNoise(0.3), 0.3)):  # fmt: skip
        drawn = cost.draw(prediction, beta, torch.Generator().manual_seed(0)) - 7
        expected = sigma**2 / beta
        error = 5 * expected * (2 / drawn.numel()) ** 0.5
        assert abs(float(drawn.square().mean()) - expected) < error


@pytest.mark.parametrize("make", [lambda: SquaredError(0.3), lambda: GaussianNoise(0.6)])
def test_hidden_coordinates_cost_nothing_in_any_form(make):
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(7, 4, generator=generator, dtype=DOUBLE)
    points = torch.randn(3, 4, generator=generator, dtype=DOUBLE)
    visible = torch.rand(7, 4, generator=generator) < 0.6
    cost = make().double()
    scale, constant = 0.3, torch.zeros(7, dtype=DOUBLE)
    if isinstance(cost, GaussianNoise):
        sigma = cost.log_sigma.detach().exp()
        scale = 0.5 / sigma**2
        constant = visible.sum(dim=1) * (sigma * (2 * torch.pi) ** 0.5).log()
    away = torch.where(visible, y - points[:, None], 0)
    expected = scale * away.square().sum(dim=2) + constant
    view = cost.restricted(visible)
    hidden = torch.where(visible, y, torch.nan)
    torch.testing.assert_close(view.pairwise(hidden, points).detach(), expected)
    torch.testing.assert_close(view(hidden, points[:, None].expand(3, 7, 4)).detach(), expected)
    torch.testing.assert_close(view.lowest(hidden, points)[0].detach(), expected.amin(dim=0))
    torch.testing.assert_close(view.least(hidden, points).detach(), expected.amin(dim=0))
