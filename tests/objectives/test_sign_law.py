"""After training on data with a known valley, the data lie lower than what is elsewhere."""

import pytest
import torch

from thalweg.data import PLANE
from thalweg.estimators import BernoulliRBM, EnergyDensity
from thalweg.objectives.by_name import FOR_BOLTZMANN as DISCRETE
from thalweg.objectives.by_name import OBJECTIVES, SAMPLERS


def ring(n, seed, radii=(1.0,), noise=0.05):
    """Points near circles about the origin."""
    generator = torch.Generator().manual_seed(seed)
    angle = 6.283 * torch.rand(n, generator=generator)
    radius = torch.tensor(radii).repeat(n // len(radii))
    e = torch.randn(n, 2, generator=generator)
    return radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1) + noise * e


ELSEWHERE = (0.1, 0.4, 1.7, 2.2)
"""Radii within the ring, and outside of it."""


def share_below(model, rows, away):
    data, other = torch.from_numpy(model.energy(rows)), torch.from_numpy(model.energy(away))
    return float((data[:, None] < other).float().mean())


@pytest.mark.parametrize("word", OBJECTIVES)
def test_data_lie_below_what_is_elsewhere(word):
    rows = ring(4000, 0)
    model = EnergyDensity(word, hidden=(64, 64), n_steps=250, random_state=0).fit(rows)
    assert share_below(model, ring(400, 1), ring(400, 2, ELSEWHERE)) > 0.95


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_and_with_every_sampler(sampler):
    rows = ring(4000, 0)
    model = EnergyDensity(
        "persistent-contrastive-divergence", sampler=sampler, hidden=(64, 64), n_steps=250,
        random_state=0,
    ).fit(rows)  # fmt: skip
    assert share_below(model, ring(400, 1), ring(400, 2, ELSEWHERE)) > 0.95


@pytest.mark.parametrize("word", DISCRETE)
def test_bits_that_agree_lie_below_bits_that_do_not(word):
    generator = torch.Generator().manual_seed(0)
    bit = (torch.rand(600, 2, generator=generator) < 0.5).float()
    rows = bit.repeat_interleave(3, dim=1)
    model = BernoulliRBM(
        6, objective=word, n_steps=400, learning_rate=0.02, random_state=0
    ).fit(rows)  # fmt: skip
    wrong = rows.clone()
    wrong[:, 1] = 1 - wrong[:, 1]
    assert (model.energy(rows) < model.energy(wrong)).mean() > 0.95


@pytest.mark.parametrize("name", PLANE)
def test_the_default_recipe_on_every_density_of_the_plane(name):
    draw = PLANE[name]
    rows = draw(4000, torch.Generator().manual_seed(0))
    model = EnergyDensity(hidden=(64, 64), n_steps=300, random_state=0).fit(rows)
    generator = torch.Generator().manual_seed(1)
    box = 2 * rows.std(dim=0) * (2 * torch.rand(1000, 2, generator=generator) - 1)
    # by chance it is a half; the spirals and rings are finer than so short a training can see
    assert share_below(model, draw(1000, generator), box) > 0.57
