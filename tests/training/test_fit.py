"""Training in one call, and in a loop of one's own, of plain modules and loaders."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from thalweg.core import InputError
from thalweg.energies import Normal
from thalweg.objectives import (
    ContrastiveDivergence,
    DenoisingScoreMatching,
    FromChains,
    FromData,
    InfoNCE,
    NoiseContrastive,
    ScoreMatching,
    SlicedScoreMatching,
)
from thalweg.samplers import MALA, Langevin
from thalweg.training import Diverged, adam, fit, gradient_step, train


class Parabola(nn.Module):
    """k |y - m|^2 / 2, m and k learned."""

    def __init__(self):
        super().__init__()
        self.mean, self.log_k = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(()))

    def forward(self, y):
        return 0.5 * self.log_k.exp() * (y - self.mean).square().sum(dim=1)


def data(n=2000, sd=0.5):
    y = torch.randn(n, 2, generator=torch.Generator().manual_seed(0))
    return torch.tensor([1.0, -1.0]) + sd * y


WIDE = Normal(torch.zeros(2), 4 * torch.eye(2))
OBJECTIVES = {
    "score matching": ScoreMatching,
    "sliced": SlicedScoreMatching,
    "denoising": lambda: DenoisingScoreMatching(0.05),
    "noise contrastive": lambda: NoiseContrastive(WIDE),
    "CD": lambda: ContrastiveDivergence(FromData(MALA(0.1))),
    "persistent CD": lambda: ContrastiveDivergence(FromChains(MALA(0.1), size=512)),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_takes_a_plain_module(name):
    module = Parabola()
    history = fit(
        module, data(), OBJECTIVES[name](), n_steps=600, learning_rate=0.03, random_state=0
    )
    assert len(history) == 600
    torch.testing.assert_close(module.mean.detach(), torch.tensor([1.0, -1.0]), atol=0.1, rtol=0)
    assert float(module.log_k.detach().exp()) == pytest.approx(4, rel=0.25)


class Stream(IterableDataset):
    def __init__(self, y):
        self.y = y

    def __iter__(self):
        return iter(self.y)


def loader(*tensors):
    return DataLoader(TensorDataset(*tensors), batch_size=100)


@pytest.mark.parametrize(("given", "pair"), [
    (lambda y: y.numpy(), "yx"),
    (lambda y: y.double(), "yx"),
    (TensorDataset, "yx"),
    (loader, "yx"),
    (lambda y: {"y": y}, "yx"),
    (Stream, "yx"),
    (lambda y: loader(y, torch.arange(len(y))), "y"),
    (lambda y: (y, torch.arange(len(y))), "y"),
    (lambda y: [{"y": part} for part in y.split(100)], "yx"),
])  # fmt: skip
def test_data_as_people_have_them(given, pair):
    module = Parabola()
    fit(module, given(data()), ScoreMatching(), n_steps=300, learning_rate=0.05, pair=pair,
        random_state=0)  # fmt: skip
    torch.testing.assert_close(module.mean.detach(), torch.tensor([1.0, -1.0]), atol=0.1, rtol=0)


def test_pairs_are_y_and_x_or_x_and_y():
    x = torch.randn(1000, 2, generator=torch.Generator().manual_seed(1))
    y = 2 * x + 0.1 * torch.randn(1000, 2, generator=torch.Generator().manual_seed(2))

    class Line(nn.Module):
        def __init__(self):
            super().__init__()
            self.slope = nn.Parameter(torch.zeros(()))

        def forward(self, y, x):
            return (y - self.slope * x).square().sum(dim=1)

    found = []
    for pair, given in [("yx", (y, x)), ("xy", (x, y)), ("xy", loader(x, y))]:
        module = Line()
        fit(module, given, InfoNCE(), n_steps=300, learning_rate=0.05, pair=pair,
            random_state=0)  # fmt: skip
        found.append(float(module.slope.detach()))
        # the other way round it would be a half
        assert found[-1] == pytest.approx(2, abs=0.4)
    assert found[0] == found[1]
    with pytest.raises(InputError, match=r"Parabola: it is a function of y alone.*pair='y'"):
        fit(Parabola(), (y, x), DenoisingScoreMatching(0.1), n_steps=2)


def test_a_seed_says_all_and_the_global_one_nothing():
    states = []
    for seed in (0, 0, 1):
        module = Parabola()
        torch.manual_seed(len(states))
        before = torch.get_rng_state()
        fit(module, data(), DenoisingScoreMatching(0.1), n_steps=20, random_state=seed)
        assert torch.equal(before, torch.get_rng_state())
        states.append(module.mean.detach().clone())
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_a_loop_of_ones_own_takes_what_loaders_give():
    module, twin = Parabola(), Parabola()
    y = data(500)
    for each, batches in [(module, list(loader(y, torch.arange(500)))), (twin, y.split(100))]:
        optimizer, schedule = adam([{"params": each.parameters(), "lr": 0.1}], 5)
        step = gradient_step(each, ContrastiveDivergence(FromData(Langevin(0.05))), optimizer,
                             schedule, pair="y")  # fmt: skip
        train(step, batches, torch.Generator().manual_seed(0))
    assert torch.equal(module.mean, twin.mean)
    assert not torch.equal(module.mean, torch.zeros(2))
    loss = ContrastiveDivergence(FromData(Langevin(0.05)))(module, y, torch.Generator())
    loss.value.backward()
    assert module.mean.grad is not None


@pytest.mark.parametrize(("given", "settings", "said"), [
    (torch.zeros(0, 2), {}, "data have no rows"),
    (5, {}, "data is int; expected a tensor"),
    ("rows.csv", {}, "data is str"),
    ((each for each in data(200).split(100)), {"n_steps": 5}, "data ended after 2 batches"),
    ([], {}, "data ended after 0 batches"),
    ([data(), data()], {}, "a list of two, which may be two batches or y and x"),
    (data()[:, 0], {}, r"y has shape \(256,\); expected \(n, \*shape\)"),
    (data(), {"n_steps": 0}, "n_steps must be"),
    (data(), {"batch_size": 0}, "batch_size must be"),
    (data(), {"learning_rate": -1.0}, "learning_rate must be"),
    (data(), {"pair": "ab"}, "pair must be"),
])  # fmt: skip
def test_what_cannot_be_trained_is_said(given, settings, said):
    with pytest.raises(InputError, match=said):
        fit(Parabola(), given, ScoreMatching(), **{"n_steps": 5, **settings})


def test_modules_and_objectives_are_held_to_what_they_have_to_be():
    with pytest.raises(InputError, match="has no parameters to learn"):
        fit(lambda y: y.square().sum(dim=1), data(), ScoreMatching())
    with pytest.raises(InputError, match="objective must be an Objective"):
        fit(Parabola(), data(), nn.MSELoss())
    module, hidden = Parabola(), Parabola()
    with pytest.raises(InputError, match=r"no parameters to learn.*pass the module"):
        fit(lambda y: 2 * hidden(y), data(), NoiseContrastive(WIDE))
    module.eval()
    with pytest.raises(Diverged, match="training diverged"):
        fit(module, data() * math.inf, ScoreMatching(), n_steps=20)
    assert not module.training
    dropped = nn.Sequential(nn.Linear(2, 8), nn.Dropout(), nn.Linear(8, 1), nn.Flatten(0)).eval()
    before = copy.deepcopy(dropped.state_dict())
    fit(dropped, np.asarray(data(50)), DenoisingScoreMatching(0.1), n_steps=3)
    assert not dropped.training
    assert any(not torch.equal(before[k], v) for k, v in dropped.state_dict().items())
