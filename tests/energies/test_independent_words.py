"""Words beside an energy of numbers: one density, one way to fill, whatever the inside does."""

import math

import pytest
import torch

from thalweg.core import InputError, Layout
from thalweg.energies import (
    Affine,
    DiagonalGaussians,
    IndependentSources,
    Normal,
    Reconstruction,
    WithWords,
)
from thalweg.latents import Exhaustive, FreeEnergy, OneHot
from thalweg.questions import complete, expect, project

DOUBLE = torch.float64
LAYOUT = Layout(5, ((1, 4),))
P = torch.tensor([0, 0.3, 0.6, 0.1, 0], dtype=DOUBLE)


def inside(kind):
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(3, 2, generator=generator, dtype=DOUBLE)
    if kind == "ica":
        mixing = torch.tensor([[1.0, 0.4], [-0.3, 0.8]], dtype=DOUBLE)
        return IndependentSources(mixing, points[0], torch.tensor([True, False]))
    if kind == "mixture":
        share = torch.tensor([0.2, 0.3, 0.5], dtype=DOUBLE)
        spread = torch.full((3, 2), 0.4, dtype=DOUBLE)
        return FreeEnergy(DiagonalGaussians(points, share, spread), Exhaustive(), 1.0).double()
    if kind == "normal":
        return Normal(points[0], torch.eye(2, dtype=DOUBLE))
    return FreeEnergy(Reconstruction(Affine(points), OneHot(3)), Exhaustive()).double()


KINDS = ["ica", "mixture", "normal", "k-means"]


def rows(numbers, word):
    y = torch.zeros(len(numbers), 5, dtype=DOUBLE)
    y[:, [0, 4]] = numbers
    y[:, 1 + word] = 1
    return y


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_costs_minus_the_log_of_its_share(kind):
    energy = WithWords(inside(kind), LAYOUT, P)
    numbers = torch.randn(6, 2, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
    for word in range(3):
        expected = inside(kind)(numbers) - math.log(float(P[1 + word]))
        torch.testing.assert_close(energy(rows(numbers, word)), expected)
        y = rows(numbers, word).requires_grad_()
        assert torch.autograd.gradcheck(energy, (y,))
    # hidden: the least, or the sum
    gone = rows(numbers, 0)
    gone[:, 1:4] = math.nan
    with torch.no_grad():
        view = energy.restricted(~gone.isnan())
        each = torch.stack([energy(rows(numbers, word)) for word in range(3)])
        left = each.amin(dim=0) if kind == "k-means" else -torch.logsumexp(-each, dim=0)
        torch.testing.assert_close(view(gone), left)


@pytest.mark.parametrize("kind", ["ica", "mixture"])
def test_the_density_adds_up_to_one(kind):
    line = torch.linspace(-18, 18, 241, dtype=DOUBLE)
    plane = torch.cartesian_prod(line, line)
    with torch.no_grad():
        energy = WithWords(inside(kind), LAYOUT, P)
        mass = sum(float(torch.exp(-energy(rows(plane, word))).sum()) for word in range(3))
    assert mass * 0.15**2 == pytest.approx(1, abs=1e-4)


def test_the_normalizer_counts_the_words():
    numbers = inside("normal")
    energy = WithWords(numbers, LAYOUT, P)
    torch.testing.assert_close(energy.log_normalizer(), numbers.log_normalizer())
    energy.beta = 2.0
    more = energy.log_normalizer() - numbers.log_normalizer()
    assert float(more) == pytest.approx(math.log(0.09 + 0.36 + 0.01))
    assert WithWords(inside("ica"), LAYOUT, P).log_normalizer() is None


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_words_become_the_likeliest(kind):
    energy = WithWords(inside(kind), LAYOUT, P)
    generator = torch.Generator().manual_seed(2)
    y = rows(torch.randn(6, 2, generator=generator, dtype=DOUBLE), 2)
    y[:3, 1:4] = math.nan
    y[2:4, 0] = math.nan
    gone = y.isnan()
    starts = rows(torch.randn(4, 2, generator=generator, dtype=DOUBLE), 0)
    filled = complete(energy, y, starts=starts)
    assert torch.equal(filled[~gone], y[~gone])
    assert filled[:3, 1:4].tolist() == [[0, 1, 0]] * 3
    with torch.no_grad():
        value = energy(filled)
        for word in range(3):
            for _ in range(30):
                other = rows(torch.randn(6, 2, generator=generator, dtype=DOUBLE), word)
                assert (value <= energy(torch.where(gone, other, y)) + 1e-9).all()
        assert (energy(project(energy, filled)) <= value + 1e-9).all()


def test_means_of_hidden_words_are_their_shares():
    energy = WithWords(inside("mixture"), LAYOUT, P)
    y = rows(torch.zeros(3, 2, dtype=DOUBLE), 0)
    y[0, 1:4] = y[1, 0] = y[2, 1:5] = math.nan
    mean = expect(energy, y)
    numbers = expect(inside("mixture"), y[1:, [0, 4]])
    torch.testing.assert_close(mean[[0, 2], 1:4], P[1:4].expand(2, -1))
    torch.testing.assert_close(mean[1:, [0, 4]], numbers)
    assert torch.equal(mean[~y.isnan()], y[~y.isnan()])


def test_draws_have_words_as_often_as_they_are_likely():
    energy, n = WithWords(inside("ica"), LAYOUT, P), 20_000
    drawn = energy.draw(n, torch.Generator().manual_seed(0))
    error = 5 * (P[1:4] * (1 - P[1:4]) / n).sqrt()
    assert (abs(drawn[:, 1:4].mean(dim=0) - P[1:4]) < error).all()
    assert torch.equal(energy.indicators.settled(drawn), drawn)
    alone = inside("ica").draw(n, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn[:, [0, 4]], alone)


def test_codes_are_those_of_the_numbers():
    numbers, energy = inside("ica"), WithWords(inside("ica"), LAYOUT, P)
    y = rows(torch.randn(4, 2, generator=torch.Generator().manual_seed(1), dtype=DOUBLE), 0)
    torch.testing.assert_close(energy.codes(y), numbers.codes(y[:, [0, 4]]))
    torch.testing.assert_close(energy.reconstruct(y), y)
    torch.testing.assert_close(energy.decode(energy.codes(y))[:, 1:4], P[1:4].expand(4, -1))


def test_a_saved_state_comes_back_in_a_blank():
    energy = WithWords(inside("ica"), LAYOUT, P)
    blank = WithWords.blank(inside("ica"), LAYOUT).double()
    blank.load_state_dict(energy.state_dict())
    y = rows(torch.ones(2, 2, dtype=DOUBLE), 1)
    assert torch.equal(blank(y), energy(y))
    with pytest.raises(InputError, match="no numbers"):
        WithWords(inside("ica"), Layout(2, ((0, 2),)), torch.full((2,), 0.5))
    with pytest.raises(InputError, match="y has 4 columns; expected 5"):
        energy(y[:, :4])
