"""Texts side by side are as texts alone; the energy of tokens is what its formula says."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from thalweg.core import BEYOND_TOKEN, HIDDEN_TOKEN, Batch, InputError, seen_through
from thalweg.data import Marks
from thalweg.energies import TextTransformer, TokenPrediction
from thalweg.energies.packing import pack
from thalweg.objectives import Denoising
from thalweg.pretext import Masked

V = 30
MARKS = Marks(start=0, end=1, hidden=2, padding=3)


@pytest.fixture(scope="module")
def network() -> TextTransformer:
    generator = torch.Generator().manual_seed(0)
    net = TextTransformer(V, MARKS, 32, 2, 2, context=64, generator=generator)
    with torch.no_grad():
        for weight in net.parameters():
            # as after training: nothing is small
            weight.add_(torch.randn(weight.shape, generator=generator) * 0.2)
    return net.eval()


def _texts(lengths: list[int], seed: int = 0) -> torch.Tensor:
    y = torch.randint(
        4, V, (len(lengths), max(lengths)), generator=torch.Generator().manual_seed(seed)
    )
    return torch.where(torch.arange(max(lengths)) < torch.tensor(lengths)[:, None], y, BEYOND_TOKEN)


@pytest.mark.parametrize("seed", range(5))
def test_packing_gives_every_text_a_place_of_its_own(seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 200, 50)
    packed = pack(lengths, least=32)
    for i, length in enumerate(lengths):
        span = slice(int(packed.first[i]), int(packed.first[i]) + int(length))
        assert (packed.text[span] == i).all()
        assert packed.position[span].tolist() == list(range(length))
    assert int((packed.text >= 0).sum()) == lengths.sum()
    total = 0
    for group in packed.groups:
        assert group.start == total
        total += group.rows * group.length
        text = packed.text[group.start : total].reshape(group.rows, group.length)
        assert torch.equal(group.mask[:, 0], text[:, :, None] == text[:, None, :])
        # a text is in the shortest rows that hold it
        inside = lengths[np.unique(text[text >= 0])]
        assert (inside <= group.length).all()
        assert group.length == 32 or (inside > group.length // 2).all()
    assert total == len(packed.text)


def test_packing_wastes_little():
    """As many short texts as a batch has: best fit leaves less than 2 in 100 places."""
    lengths = np.random.default_rng(0).integers(4, 40, 250)
    packed = pack(lengths, least=64)
    assert (packed.text < 0).double().mean() < 0.02


def test_texts_side_by_side_are_as_alone(network):
    lengths = [1, 5, 60, 12, 3, 40, 62, 7, 33]
    y = _texts(lengths)
    asked = torch.zeros_like(y, dtype=torch.bool)
    asked[:, 0] = True
    asked[2, 30] = True
    hidden = torch.where(asked, HIDDEN_TOKEN, y)
    together = network.predict(hidden, asked)
    alone = torch.cat(
        [
            network.predict(hidden[i : i + 1, :n], asked[i : i + 1, :n])
            for i, n in enumerate(lengths)
        ]
    )
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    inside = network.represent(y)
    apart = torch.cat([network.represent(y[i : i + 1, :n]) for i, n in enumerate(lengths)])
    torch.testing.assert_close(inside, apart, rtol=1e-4, atol=1e-4)


def test_positions_matter_and_the_order_of_texts_does_not(network):
    y = _texts([6, 6, 6])
    energy = TokenPrediction(network)
    value = energy(y)
    torch.testing.assert_close(energy(y[[2, 0, 1]]), value[[2, 0, 1]])
    assert not torch.isclose(energy(y.flip(1)), value, rtol=1e-2).any()


def test_the_energy_is_the_sum_over_tokens(network):
    """Against a loop that hides one token at a time, written out."""
    y = _texts([4, 1, 7])
    expected = []
    for row in y:
        tokens = row[row >= 0]
        total = 0.0
        for i in range(len(tokens)):
            shown = tokens.clone()
            shown[i] = HIDDEN_TOKEN
            asked = torch.arange(len(tokens)) == i
            logits = network.predict(shown[None], asked[None])[0]
            total -= float(logits.log_softmax(dim=0)[tokens[i]].detach())
        expected.append(total)
    energy = TokenPrediction(network)
    torch.testing.assert_close(energy(y), torch.tensor(expected), rtol=1e-4, atol=1e-4)


def test_how_many_texts_are_asked_about_at_a_time_does_not_matter(network, monkeypatch):
    y = _texts([10, 3, 8, 1, 9])
    energy = TokenPrediction(network)
    whole = energy(y)
    monkeypatch.setattr(network, "at_a_time", 7)
    torch.testing.assert_close(energy(y), whole, rtol=1e-4, atol=1e-4)


def test_a_text_without_tokens_has_no_energy(network):
    y = torch.full((2, 3), BEYOND_TOKEN)
    assert TokenPrediction(network)(y).tolist() == [0, 0]


def test_hidden_tokens_take_no_part(network):
    energy = TokenPrediction(network)
    y = _texts([6, 4])
    visible = torch.ones_like(y, dtype=torch.bool)
    visible[0, 2] = visible[1, 0] = False
    view = energy.restricted(visible)
    other = torch.where(visible | (y < 0), y, 29)
    torch.testing.assert_close(view(y), view(other))
    hidden = torch.where(visible | (y < 0), y, HIDDEN_TOKEN)
    torch.testing.assert_close(view(y), energy(hidden))
    torch.testing.assert_close(view(y), seen_through(energy, hidden)(hidden))
    assert (view(y) < energy(y)).all()
    one = torch.ones_like(visible)
    one[0, 2] = False
    twice = energy.restricted(one).restricted(visible | (one == 0))
    torch.testing.assert_close(twice(y), view(y))


def test_the_objective_is_the_cross_entropy_of_what_is_hidden(network):
    y = _texts([6, 9, 4])
    hide = Masked(0.4)
    loss = Denoising(hide)(TokenPrediction(network), Batch(y), torch.Generator().manual_seed(3))
    spoiled = hide(y, torch.Generator().manual_seed(3))
    logits = network.predict(spoiled.y, spoiled.asked)
    mean = functional.cross_entropy(logits, y[spoiled.asked])
    torch.testing.assert_close(loss.metrics["error"], mean.detach())
    torch.testing.assert_close(loss.value, mean * spoiled.asked.sum() / 3)


def test_the_gradient_is_that_of_finite_differences():
    generator = torch.Generator().manual_seed(0)
    net = TextTransformer(8, MARKS, 4, 2, 1, 4, context=8, generator=generator).double()
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator, dtype=torch.float64) * 0.3)
    y = torch.tensor([[4, 5, 6, BEYOND_TOKEN], [7, 4, 4, 5]])
    names, start = zip(*[(n, p.detach().clone()) for n, p in net.named_parameters()], strict=True)

    def value(*parameters: torch.Tensor) -> torch.Tensor:
        at = dict(zip(names, parameters, strict=True))
        spoiled = torch.where(torch.tensor([[1, 0, 0, 0], [0, 0, 1, 1]]).bool(), HIDDEN_TOKEN, y)
        logits = torch.func.functional_call(
            _Predicting(net), {f"net.{k}": v for k, v in at.items()}, (spoiled,)
        )
        return logits.log_softmax(dim=1).square().sum(dim=1)

    for weight in start:
        weight.requires_grad_(True)
    assert torch.autograd.gradcheck(value, start, fast_mode=True, nondet_tol=0)


class _Predicting(torch.nn.Module):
    def __init__(self, net: TextTransformer) -> None:
        super().__init__()
        self.net = net

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        return self.net.predict(y, y == HIDDEN_TOKEN)


def test_the_same_generator_draws_the_same_weights():
    one, other = (
        TextTransformer(V, MARKS, 8, 1, 1, generator=torch.Generator().manual_seed(1))
        for _ in range(2)
    )
    for (name, a), (_, b) in itertools.zip_longest(
        one.named_parameters(), other.named_parameters()
    ):
        assert torch.equal(a, b), name


def test_a_width_that_does_not_fit_its_heads():
    with pytest.raises(InputError, match="multiple of 2 heads, 6, got 32"):
        TextTransformer(V, MARKS, 32, heads=3)
