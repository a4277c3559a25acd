"""Numbers and words from one another: no word is shown to what predicts it."""

import math

import pytest
import torch

from thalweg.core import Batch, Layout
from thalweg.energies import MaskedWordPrediction, Perceptron, WordLogits
from thalweg.objectives import Denoising
from thalweg.pretext import MaskedColumns
from thalweg.questions import complete, expect

DOUBLE = torch.float64
LAYOUT = Layout(7, ((1, 4), (5, 7)))
BLOCKS = [(1, 4), (5, 7)]
PRIOR = torch.tensor([0, 0.5, 0.4, 0.1, 0, 0.7, 0.3], dtype=DOUBLE)


def make(parts=16):
    network = Perceptron((14, 8, 7), generator=torch.Generator().manual_seed(0))
    energy = MaskedWordPrediction(network.double(), WordLogits(LAYOUT, PRIOR, 0.05), parts)
    energy = energy.double()
    energy.sigma = torch.tensor([0.5, 1, 1, 1, 2.0, 1, 1], dtype=DOUBLE)
    return energy


def rows(n=12, seed=1):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randn(n, 7, generator=generator, dtype=DOUBLE)
    for start, stop in BLOCKS:
        which = torch.randint(stop - start, (n,), generator=generator)
        y[:, start:stop] = torch.nn.functional.one_hot(which, stop - start).to(y)
    return y


def slowly(energy, y):
    """One row, part after part; as many parts as there are numbers and words."""
    total = 0.0
    for start, stop in [(0, 1), *BLOCKS[:1], (4, 5), *BLOCKS[1:]]:
        if y[start:stop].isnan().any():
            continue
        seen = ~y.isnan()
        seen[start:stop] = False
        shown = torch.cat([torch.where(seen, y, 0), seen.to(y)])
        said = energy.network(shown[None])[0, start:stop]
        if stop - start == 1:
            total += 0.5 * float((y[start] - said[0]) / energy.sigma[start]) ** 2
        else:
            soft = (said + PRIOR[start:stop].log()).softmax(dim=0)
            p = (soft + 0.05 * PRIOR[start:stop]) / 1.05
            total -= math.log(float(p @ y[start:stop]))
    return total


@pytest.mark.parametrize("hidden", [False, True])
def test_each_number_and_word_is_predicted_from_all_others(hidden):
    y, energy = rows(), make()
    if hidden:
        y[::2, 1:4] = y[1, 0] = y[3, 5:7] = math.nan
    with torch.no_grad():
        expected = torch.tensor([slowly(energy, row) for row in y], dtype=DOUBLE)
        torch.testing.assert_close(energy.restricted(~y.isnan())(y), expected)
    # as the sets are dealt out, no word is split
    assert make(2).part.tolist() == [0, 1, 1, 1, 0, 1, 1]


def test_the_gradient_equals_finite_differences():
    assert torch.autograd.gradcheck(make(), (rows(4).requires_grad_(),))


def test_completion_has_whole_words_and_no_filling_is_below_it():
    y, energy = rows(), make(3)
    y[::2, 1:4] = y[1, 0] = y[2, 4] = y[3, 5:7] = math.nan
    gone = y.isnan()
    filled = complete(energy, y, starts=rows(20, seed=50))
    assert torch.equal(energy.indicators.settled(filled), filled)
    assert torch.equal(filled[~gone], y[~gone])
    with torch.no_grad():
        for seed in range(100):
            other = energy(torch.where(gone, rows(seed=200 + seed), y))
            assert (energy(filled) <= other + 1e-9).all()
    mean = expect(energy, y)
    torch.testing.assert_close(mean[::2, 1:4].sum(dim=1), torch.ones(6, dtype=DOUBLE))


def test_words_go_whole_and_as_often_as_numbers():
    y = rows(4000)
    y[:1000, 1:4] = math.nan
    hide = MaskedColumns(LAYOUT, 0.5)
    spoiled = hide(y, torch.Generator().manual_seed(0))
    for start, stop in BLOCKS:
        block = spoiled.asked[:, start:stop]
        assert torch.equal(block.all(dim=1), block.any(dim=1))
    assert not spoiled.asked[:1000, 1:4].any()
    assert torch.equal(spoiled.y.isnan(), spoiled.asked | y.isnan())
    # a word of which a part is hidden is hidden
    y[:, 1] = math.nan
    assert not hide(y, torch.Generator().manual_seed(0)).asked[:, 1:4].any()
    one_each = spoiled.asked[1000:, [0, 1, 4, 5]]
    assert (one_each.sum(dim=1) == 2).all()
    assert (abs(one_each.double().mean(dim=0) - 0.5) < 5 * 0.5 / math.sqrt(3000)).all()


def test_a_word_that_follows_from_another_is_learned():
    generator = torch.Generator().manual_seed(0)
    network = Perceptron((14, 16, 7), generator=generator)
    energy = MaskedWordPrediction(network, WordLogits(LAYOUT, PRIOR.float()))
    y = rows(300).float()
    y[:, 5:7] = torch.stack([y[:, 1], 1 - y[:, 1]], dim=1)
    optimizer = torch.optim.Adam(energy.parameters(), lr=0.02)
    objective = Denoising(MaskedColumns(LAYOUT, 0.4))
    for _ in range(150):
        optimizer.zero_grad()
        objective(energy, Batch(y), generator).value.backward()
        optimizer.step()
    energy.learn_sigma([y])
    assert energy.sigma[[1, 2, 3, 5, 6]].tolist() == [1] * 5
    holed = y.clone()
    holed[:, 5:7] = math.nan
    with torch.no_grad():
        filled = energy.restricted(~holed.isnan()).fillings(holed)[0]
        assert float((filled[:, 5:7] == y[:, 5:7]).all(dim=1).float().mean()) > 0.97
        swapped = y.clone()
        swapped[:, 5:7] = 1 - y[:, 5:7]
        assert float((energy(swapped) > energy(y) + 1).float().mean()) > 0.97
