"""Mixtures of numbers and words: every word enumerated, every number integrated by quadrature."""

import itertools
import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from thalweg.core import InputError, Layout
from thalweg.energies import (
    DiagonalGaussians,
    FullGaussians,
    Rescaled,
    WordComponents,
)
from thalweg.latents import Exhaustive, FreeEnergy
from thalweg.questions import complete, expect, project

DOUBLE = torch.float64
LAYOUT = Layout(7, ((1, 4), (5, 7)))
NUMBERS, BLOCKS, K = [0, 4], [(1, 4), (5, 7)], 3
WORDS = list(itertools.product(range(3), range(2)))


def parts(numbers=2):
    generator = torch.Generator().manual_seed(0)
    mixing = 0.5 * torch.randn(K, numbers, numbers, generator=generator, dtype=DOUBLE)
    covariances = mixing @ mixing.transpose(1, 2) + 0.3 * torch.eye(numbers, dtype=DOUBLE)
    means = torch.randn(K, numbers, generator=generator, dtype=DOUBLE)
    log_p = torch.randn(K, 5, generator=generator, dtype=DOUBLE)
    log_p = torch.cat([torch.log_softmax(each, dim=1) for each in log_p.split([3, 2], 1)], dim=1)
    return means, torch.tensor([0.2, 0.3, 0.5], dtype=DOUBLE), covariances, log_p


def make(kind="full", beta=1.0):
    means, weights, covariances, log_p = parts()
    # tables need not come normalized
    if kind == "words":
        layout = Layout(5, ((0, 3), (3, 5)))
        inside = WordComponents(layout, None, log_p + 1.3, weights)
    elif kind == "full":
        inside = WordComponents(LAYOUT, FullGaussians(means, weights, covariances), log_p + 1.3)
    else:
        spread = covariances.diagonal(dim1=1, dim2=2)
        inside = WordComponents(LAYOUT, DiagonalGaussians(means, weights, spread), log_p + 1.3)
    return FreeEnergy(inside, Exhaustive(), beta).double()


def row(numbers, words):
    y = torch.zeros(len(numbers), 7, dtype=DOUBLE)
    y[:, NUMBERS] = numbers
    for (start, _), word in zip(BLOCKS, words, strict=True):
        y[:, start + word] = 1
    return y


def rows(n=20, hidden=0.0, seed=1):
    generator = torch.Generator().manual_seed(seed)
    y = torch.zeros(n, 7, dtype=DOUBLE)
    y[:, NUMBERS] = 1.5 * torch.randn(n, 2, generator=generator, dtype=DOUBLE)
    for start, stop in BLOCKS:
        which = torch.randint(stop - start, (n,), generator=generator)
        y[:, start:stop] = torch.nn.functional.one_hot(which, stop - start).to(y)
    for part in [(i, i + 1) for i in NUMBERS] + BLOCKS:
        y[torch.rand(n, generator=generator) < hidden, slice(*part)] = math.nan
    return y


def slowly(y):
    """Minus the log-likelihood of one row, by torch's normal distributions."""
    means, weights, covariances, log_p = parts()
    seen = [j for j, i in enumerate(NUMBERS) if not math.isnan(y[i])]
    total = []
    for z in range(K):
        value = weights[z].log()
        if seen:
            normal = MultivariateNormal(means[z][seen], covariances[z][seen][:, seen])
            value = value + normal.log_prob(y[NUMBERS][seen])
        for (start, stop), offset in zip(BLOCKS, (0, 3), strict=True):
            if not math.isnan(y[start]):
                value = value + log_p[z, offset + int(y[start:stop].argmax())]
        total.append(value)
    return -torch.logsumexp(torch.stack(total), dim=0)


@pytest.mark.parametrize("hidden", [0.0, 0.4])
def test_f_is_minus_the_log_likelihood_of_what_is_visible(hidden):
    y = rows(hidden=hidden)
    y[0, 1:4] = math.nan
    if hidden:
        y[1] = math.nan
    energy = make()
    with torch.no_grad():
        view = energy.restricted(~y.isnan())
        torch.testing.assert_close(view(y), torch.stack([slowly(each) for each in y]))
        torch.testing.assert_close(view(torch.where(y.isnan(), 7.0, y)), view(y))
        single = make().float().restricted(~y.isnan())(y.float())
        torch.testing.assert_close(single, view(y).float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["full", "diagonal"])
def test_the_density_adds_up_to_one(kind):
    line = torch.linspace(-9, 9, 181, dtype=DOUBLE)
    plane = torch.cartesian_prod(line, line)
    energy = make(kind)
    with torch.no_grad():
        mass = sum(float(torch.exp(-energy(row(plane, words))).sum()) for words in WORDS)
    assert mass * 0.1**2 == pytest.approx(1, abs=1e-6)


def test_words_alone_add_up_to_one():
    energy = make("words")
    with torch.no_grad():
        every = torch.stack([row(torch.zeros(1, 2, dtype=DOUBLE), words)[0] for words in WORDS])
        every = every[:, [1, 2, 3, 5, 6]]
        assert float(torch.exp(-energy(every)).sum()) == pytest.approx(1)
        assert not energy.minimizes_hidden


@pytest.mark.parametrize("kind", ["full", "diagonal", "words"])
def test_gradients_equal_finite_differences(kind):
    energy, y = make(kind, beta=1.5), rows(4)
    y = y[:, [1, 2, 3, 5, 6]] if kind == "words" else y
    visible = torch.ones_like(y, dtype=torch.bool)
    visible[0, -2:] = visible[1, 0] = False
    for each in (energy, energy.restricted(visible)):
        assert torch.autograd.gradcheck(each, (y.clone().requires_grad_(),))
    named = {k: v.detach().clone().requires_grad_() for k, v in energy.named_parameters()}

    def value(*given):
        return torch.func.functional_call(energy, dict(zip(named, given, strict=True)), (y,))

    assert torch.autograd.gradcheck(value, tuple(named.values()))


def test_what_is_hidden_twice_is_hidden_once():
    y, energy = rows(8), make()
    first, second = torch.ones(2, 8, 7, dtype=torch.bool)
    first[::2, 1:4] = second[::3, 4] = second[1, 1:4] = False
    with torch.no_grad():
        twice = energy.restricted(first).restricted(second)
        torch.testing.assert_close(twice(y), energy.restricted(first & second)(y))


@pytest.mark.parametrize("units", [False, True])
def test_completion_is_as_low_as_any_filling(units):
    y, energy = rows(10, hidden=0.5), make()
    y[0] = math.nan
    shift = torch.tensor([1.0, 0, 0, 0, 2.0, 0, 0], dtype=DOUBLE)
    scale = torch.tensor([3.0, 1, 1, 1, 0.5, 1, 1], dtype=DOUBLE)
    if units:
        energy, y = Rescaled(energy, shift, scale), y * scale + shift
    gone = y.isnan()
    filled = complete(energy, y)
    assert torch.equal(filled[~gone], y[~gone])
    assert torch.equal(energy.indicators.settled(filled), filled)
    with torch.no_grad():
        value = energy(filled)
        for words in WORDS:
            for seed in range(17):
                other = rows(10, seed=100 + seed)
                other = row(other[:, NUMBERS], words)
                other = other * scale + shift if units else other
                assert (value <= energy(torch.where(gone, other, y)) + 1e-9).all()
        assert (energy(project(energy, filled)) <= value + 1e-9).all()


def test_the_mean_of_what_is_hidden_by_quadrature_and_enumeration():
    y = rows(3, seed=4)
    y[0, 1:4] = y[1, 4] = y[1, 5:7] = y[2] = math.nan
    line = torch.linspace(-9, 9, 181, dtype=DOUBLE)
    energy = make()
    with torch.no_grad():
        mean = expect(energy, y)
        for at in range(3):
            numbers = [line if math.isnan(y[at, i]) else y[at, i : i + 1] for i in NUMBERS]
            plane = torch.cartesian_prod(*numbers)
            total, mass = torch.zeros(7, dtype=DOUBLE), 0.0
            for words in WORDS:
                every = row(plane, words)
                every = torch.where(y[at].isnan(), every, y[at])
                if any(not math.isnan(y[at, a]) and y[at, a + w] != 1
                       for (a, _), w in zip(BLOCKS, words, strict=True)):  # fmt: skip
                    continue
                p = torch.exp(-energy(every))
                total, mass = total + p @ every, mass + p.sum()
            torch.testing.assert_close(mean[at], total / mass, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("beta", [0.5, 1.0, 3.0])
def test_draws_at_any_temperature(beta):
    energy, n = make("diagonal", beta), 30_000
    line = torch.linspace(-12, 12, 121, dtype=DOUBLE)
    plane = torch.cartesian_prod(line, line)
    with torch.no_grad():
        drawn = energy.draw(n, torch.Generator().manual_seed(0))
        density = torch.stack([torch.exp(-beta * energy(row(plane, words))) for words in WORDS])
    density /= density.sum()
    assert torch.equal(energy.indicators.settled(drawn), drawn)
    for words, p in zip(WORDS, density.sum(dim=1), strict=True):
        here = (row(drawn[:, NUMBERS], words) == drawn).all(dim=1)
        assert abs(float(here.double().mean() - p)) < 5 * math.sqrt(float(p) / n)
    mean = density.sum(dim=0) @ plane
    error = 5 * drawn[:, NUMBERS].std(dim=0) / math.sqrt(n)
    assert (abs(drawn[:, NUMBERS].mean(dim=0) - mean) < error).all()


@pytest.mark.parametrize("kind", ["full", "words"])
def test_without_a_temperature_draws_are_the_lowest_row(kind):
    energy = make(kind, math.inf)
    with torch.no_grad():
        drawn = energy.draw(2, torch.Generator().manual_seed(0))
        value = energy(drawn)
        for words in WORDS:
            for mean in parts()[0]:
                other = row(mean[None], words)
                other = other if kind == "full" else other[:, [1, 2, 3, 5, 6]]
                assert (value <= energy(other) + 1e-12).all()


def test_a_saved_state_comes_back_in_a_blank():
    for kind in ("full", "words"):
        energy = make(kind)
        numbers = None
        if kind == "full":
            flat = torch.zeros(K, 2), torch.full((K,), 1 / K), torch.eye(2).expand(K, 2, 2)
            numbers = FullGaussians(*flat)
        blank = WordComponents.blank(energy.energy.words.layout, numbers, K).double()
        blank.load_state_dict(energy.energy.state_dict())
        y = rows() if kind == "full" else rows()[:, [1, 2, 3, 5, 6]]
        with torch.no_grad():
            assert torch.equal(blank.each(y), energy.energy.each(y))


def test_parts_that_do_not_fit_are_said():
    means, weights, covariances, log_p = parts()
    gaussians = FullGaussians(means, weights, covariances)
    with pytest.raises(InputError, match="numbers have 0 columns; expected 2"):
        WordComponents(LAYOUT, None, log_p, weights)
    with pytest.raises(InputError, match="either numbers or weights"):
        WordComponents(LAYOUT, gaussians, log_p, weights)
    with pytest.raises(InputError, match=r"log_p has shape \(3, 4\); expected \(3, 5\)"):
        WordComponents(LAYOUT, gaussians, log_p[:, :4])
    with pytest.raises(InputError, match="y has 6 columns; expected 7"):
        make()(torch.zeros(1, 6, dtype=DOUBLE))
