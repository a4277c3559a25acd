"""Where objectives push up: noise of the size that was asked for, chains that all move."""

import math

import pytest
import torch
from bowl import DOUBLE, Bowl, Y, loss

from thalweg.core import Batch
from thalweg.objectives import (
    ConditionalNoiseContrastive,
    DenoisingScoreMatching,
    FromBatch,
    FromChains,
    FromData,
    ScoreMatching,
    SlicedScoreMatching,
)
from thalweg.samplers import Langevin


def test_another_row_of_the_batch_is_another():
    batch = Batch(Y, torch.zeros(3, 2, dtype=DOUBLE))
    seen = set()
    for seed in range(20):
        found = FromBatch()(Bowl(), batch, torch.Generator().manual_seed(seed)).y
        assert (found != Y).any(dim=1).all()
        seen.add(float(found[0, 0]))
    assert seen == {2.0, -0.3}


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_chains_start_anew_as_often_as_asked(share):
    chains = FromChains(Langevin(1e-12, noise=0.0), 1, size=3, reseeded=share, kick=0.0)
    far = torch.full((3, 2), 9.0, dtype=DOUBLE)
    chains.begin(Bowl(), far, torch.Generator().manual_seed(0))
    found = chains(Bowl(), Batch(Y), torch.Generator().manual_seed(0))
    torch.testing.assert_close(found.y, Y if share else far)
    assert float(found.metrics["reseeded"]) == share


def spread(values):
    """How wide the noise of 20,000 rows of two is, and five standard errors of that."""
    size = float(values.square().mean().sqrt())
    return size, 5 * size / math.sqrt(2 * values.numel())


@pytest.mark.parametrize("scale", [0.3, (0.1, 2.0)])
def test_noise_has_the_size_that_was_asked_for(scale):
    rows = torch.zeros(20_000, 2, dtype=DOUBLE)
    energy, wanted = Bowl(), torch.tensor(scale, dtype=DOUBLE).reshape(-1)
    kicked = FromData(Langevin(1e-12, noise=0.0), 1, kick=scale)
    loss(ConditionalNoiseContrastive(scale), energy, Batch(rows))
    loss(DenoisingScoreMatching(scale), energy, Batch(rows))
    noisy = [
        energy.asked[0][0][20_000:],
        energy.asked[1][0],
        kicked(energy, Batch(rows), torch.Generator().manual_seed(0)).y,
    ]
    for each in noisy:
        size, error = spread(each)
        assert abs(size - float(wanted.square().mean().sqrt())) < error * len(wanted)
        # a row has one scale for all of its entries
        both = each.abs().log()
        if len(wanted) > 1:
            assert float(torch.corrcoef(both.T)[0, 1]) > 0.4


def test_score_matching_looks_at_noisy_rows():
    for objective in (ScoreMatching(0.5), SlicedScoreMatching(1, 0.5)):
        energy = Bowl()
        loss(objective, energy, Batch(torch.zeros(20_000, 2, dtype=DOUBLE)))
        size, error = spread(energy.asked[0][0])
        assert abs(size - 0.5) < error


@pytest.mark.parametrize("beta", [1.0, 3.0])
def test_chains_go_down_the_energy_at_its_temperature(beta):
    energy = Bowl(beta=beta)
    found = FromData(Langevin(0.1, noise=0.0), 2)(energy, Batch(Y), torch.Generator())
    torch.testing.assert_close(found.y, Y * (1 - 0.1 * beta * 0.7) ** 2)
    assert not found.y.requires_grad
    assert float(found.metrics["acceptance"]) == 1.0


def test_every_chain_has_its_turn_and_as_often_as_any_other():
    chains = FromChains(Langevin(0.1, noise=0.0), 1, size=10, reseeded=0.0, kick=0.0)
    chains.begin(Bowl(), torch.ones(1, 2, dtype=DOUBLE), torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    for _ in range(400):
        chains(Bowl(), Batch(Y), generator)
    # each step of a chain takes away 7 in 100
    moves = chains.chains[:, 0].log() / math.log(0.93)
    assert float(moves.sum()) == pytest.approx(1200)
    assert (moves - 120).abs().max() < 5 * math.sqrt(400 * 0.3 * 0.7)
