"""Draws and normalizations, each kind by itself, so that no error of one hides that of another."""

import math

import pytest
import torch

from thalweg.energies import Funnel, GaussianRestrictedBoltzmann, IndependentSources

DOUBLE = torch.float64
N = 20_000


def near(squares, expected):
    """Whether a mean of squares of normal numbers is what it should be, to five errors."""
    assert abs(float(squares.mean()) / expected - 1) < 5 * math.sqrt(2 / squares.numel())


def test_a_funnel_is_as_wide_as_its_neck_says():
    drawn = Funnel(3, 1.5).double().draw(N, torch.Generator().manual_seed(0))
    near(drawn[:, 0].square(), 1.5**2)
    near((drawn[:, 1:] * (-drawn[:, :1] / 2).exp()).square(), 1.0)


def test_real_units_scatter_about_what_hidden_ones_say():
    weights = torch.tensor([[1.0, -0.5], [0.3, 2.0]], dtype=DOUBLE)
    bias = torch.tensor([0.4, -1.0], dtype=DOUBLE)
    sigma = torch.tensor([0.2, 3.0], dtype=DOUBLE)
    machine = GaussianRestrictedBoltzmann(weights, bias, bias, sigma.log())
    hidden = torch.tensor([[1.0, 0.0]], dtype=DOUBLE).expand(N, 2)
    drawn = machine.draw_visible(hidden, torch.Generator().manual_seed(0)).detach()
    for j, mean in enumerate((1.4, -0.7)):
        near((drawn[:, j] - mean).square(), float(sigma[j]) ** 2)
        assert abs(float(drawn[:, j].mean()) - mean) < 5 * float(sigma[j]) / math.sqrt(N)


@pytest.mark.parametrize("heavy", [True, False])
def test_a_source_of_either_kind_is_normalized_and_drawn_as_it_is(heavy):
    energy = IndependentSources(
        torch.tensor([[2.0]], dtype=DOUBLE), torch.tensor([0.6], dtype=DOUBLE),
        torch.tensor([heavy]),
    )  # fmt: skip
    y = torch.linspace(-30, 30, 60_001, dtype=DOUBLE)[:, None]
    with torch.no_grad():
        density = torch.exp(-energy(y)) * 0.001
    assert float(density.sum()) == pytest.approx(1, abs=1e-6)
    drawn = energy.draw(N, torch.Generator().manual_seed(0))
    # sources are (2 y - 0.6), and no kind has a preferred side
    mean, square = float(density @ y[:, 0]), float(density @ y[:, 0].square())
    assert mean == pytest.approx(0.3, abs=1e-9)
    spread = math.sqrt(square - mean**2)
    assert abs(float(drawn.mean()) - mean) < 5 * spread / math.sqrt(N)
    # the fourth moment says how far off a variance may be
    fourth = float(density @ (y[:, 0] - mean) ** 4) - spread**4
    assert abs(float((drawn - mean).square().mean()) - spread**2) < 5 * math.sqrt(fourth / N)


def test_sources_go_back_to_the_rows_that_they_came_from():
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(3, 3, generator=generator, dtype=DOUBLE)
    offset = torch.randn(3, generator=generator, dtype=DOUBLE)
    energy = IndependentSources(weight, offset, torch.tensor([True, False, True]))
    y = torch.randn(5, 3, generator=generator, dtype=DOUBLE)
    torch.testing.assert_close(energy.codes(y), y @ weight - offset)
    torch.testing.assert_close(energy.decode(energy.codes(y)), y)
