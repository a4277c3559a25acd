"""Blanks filled in together, and by chance, against a joint distribution that is known."""

import sys

import pytest
import torch

from thalweg.core import HIDDEN_TOKEN, InputError
from thalweg.data import Marks
from thalweg.energies import TokenNetwork, TokenPrediction
from thalweg.questions import draw_tokens, fill


class JointTable(TokenNetwork):
    """Conditionals of a density over texts of L tokens, exact: p(y_1, ..., y_L) is a table."""

    def __init__(self, table: torch.Tensor) -> None:
        super().__init__(table.shape[0], Marks(-9, -9, -9, -9), 1, table.dim())
        self.register_buffer("table", table / table.sum())

    def predict(self, y: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
        result = []
        for row, place in asked.nonzero().tolist():
            part = self.table
            # from the last dimension on: those before keep their numbers
            for axis in reversed(range(y.shape[1])):
                if axis == place:
                    continue
                token = int(y[row, axis])
                part = part.sum(dim=axis) if token == HIDDEN_TOKEN else part.select(axis, token)
            result.append(part.log())
        return torch.stack(result)

    def represent(self, y: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(y), 1)


class Whims(TokenNetwork):
    """Conditionals that are those of no density, as a network's may be."""

    def __init__(self, seed: int) -> None:
        super().__init__(5, Marks(-9, -9, -9, -9), 1, 3)
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("table", 2 * torch.randn(3, 6, 6, 6, 5, generator=generator))

    def predict(self, y: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
        row, place = asked.nonzero(as_tuple=True)
        first, second, third = (y[row] + 1).T
        return self.table[place, first, second, third]

    def represent(self, y: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(y), 1)


def _random(v: int, length: int, seed: int, spread: float = 2.0) -> TokenPrediction:
    generator = torch.Generator().manual_seed(seed)
    logits = spread * torch.randn((v,) * length, generator=generator, dtype=torch.float64)
    return TokenPrediction(JointTable(logits.exp()))


def _texts(y: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    rows = y.repeat(len(found), 1)
    rows[:, y == HIDDEN_TOKEN] = found
    return rows


@pytest.mark.parametrize("seed", range(12))
def test_no_more_energy_than_the_likeliest_filling_and_the_likeliest_tokens(seed):
    """The first found by going through all 6^3, the others given the visible alone."""
    energy = _random(6, 4, seed)
    y = torch.tensor([HIDDEN_TOKEN, 2, HIDDEN_TOKEN, HIDDEN_TOKEN])
    joint = energy.network.table[:, 2]
    likeliest = torch.cartesian_prod(*[torch.arange(6)] * 3)[joint.flatten().argmax()]
    alone = [joint.sum(dim=[d for d in range(3) if d != i]).argmax() for i in range(3)]
    found = fill(energy, y, torch.ones(3, 6, dtype=torch.bool), top=3)
    torch.testing.assert_close(found.energy, energy(_texts(y, found.tokens)))
    assert found.energy.tolist() == sorted(found.energy.tolist())
    others = energy(_texts(y, torch.stack([likeliest, torch.stack(alone)])))
    assert found.energy[0] <= others.min() + 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_tokens_likeliest_by_themselves_are_never_better(seed, monkeypatch):
    """However few fillings are followed."""
    monkeypatch.setattr(sys.modules["thalweg.questions.fill"], "BEAMS", 1)
    energy = TokenPrediction(Whims(seed))
    y = torch.full((3,), HIDDEN_TOKEN)
    blank = torch.eye(3, dtype=torch.bool)
    alone = energy.conditional(y.repeat(3, 1), blank).argmax(dim=1)
    found = fill(energy, y, torch.ones(3, 5, dtype=torch.bool), top=1)
    assert found.energy[0] <= energy(alone[None])[0] + 1e-5


def test_blanks_are_filled_together_and_not_one_by_one():
    """Each blank by itself is likeliest to be 0, but no text has 0 in both."""
    table = torch.full((3, 3), 1e-4, dtype=torch.float64)
    table[0, 1] = table[1, 0] = 0.26
    table[0, 2] = table[2, 0] = 0.20
    energy = TokenPrediction(JointTable(table))
    y = torch.full((2,), HIDDEN_TOKEN)
    blank = torch.tensor([[True, False]])
    assert int(energy.conditional(y[None], blank).argmax()) == 0
    found = fill(energy, y, torch.ones(2, 3, dtype=torch.bool), top=2)
    assert sorted(found.tokens.tolist()) in ([[0, 1], [1, 0]], [[0, 2], [2, 0]])


@pytest.mark.parametrize("hidden", [[1], [0, 3], [0, 1, 2, 3]])
def test_the_probability_is_that_of_the_whole_filling(hidden):
    energy = _random(4, 4, 1)
    y = torch.tensor([1, 3, 0, 2])
    y[hidden] = HIDDEN_TOKEN
    found = fill(energy, y, torch.ones(len(hidden), 4, dtype=torch.bool))
    table = energy.network.table
    for axis in range(4):
        if axis not in hidden:
            table = table.narrow(axis, int(y[axis]), 1)
    table = (table / table.sum()).squeeze()
    for tokens, probability in zip(found.tokens.tolist(), found.probability.tolist(), strict=True):
        assert probability == pytest.approx(float(table[tuple(tokens)]))


def test_one_blank_is_looked_up():
    energy = _random(5, 3, 0)
    y = torch.tensor([4, HIDDEN_TOKEN, 0])
    found = fill(energy, y, torch.ones(1, 5, dtype=torch.bool), top=5)
    exact = energy.conditional(y[None], (y == HIDDEN_TOKEN)[None])[0]
    assert found.tokens[:, 0].tolist() == exact.argsort(descending=True).tolist()
    torch.testing.assert_close(found.probability.sum(), torch.tensor(1.0, dtype=torch.float64))


def test_only_what_is_allowed_stands_in_a_blank():
    energy = _random(5, 3, 0)
    y = torch.tensor([HIDDEN_TOKEN, 1, HIDDEN_TOKEN])
    allowed = torch.tensor([[1, 0, 0, 1, 0], [0, 1, 1, 0, 0]]).bool()
    found = fill(energy, y, allowed, top=10).tokens
    assert len(found) == 4
    assert {int(t) for t in found[:, 0]} == {0, 3}
    assert {int(t) for t in found[:, 1]} == {1, 2}
    drawn = draw_tokens(
        energy, y.repeat(50, 1), _everywhere(allowed, y), 2, torch.Generator().manual_seed(0)
    )
    assert set(drawn[:, 0].tolist()) == {0, 3}
    assert (drawn[:, 1] == 1).all()


def _everywhere(allowed: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    result = torch.ones(len(y), allowed.shape[1], dtype=torch.bool)
    result[y == HIDDEN_TOKEN] = allowed
    return result


@pytest.mark.parametrize("sweeps", [1, 3])
def test_draws_have_the_joint_density(sweeps):
    """Conditionals of one density: Gibbs sampling is exact, in the first sweep too."""
    energy = _random(3, 3, 0, spread=1.0)
    n = 3000
    y = torch.full((n, 3), HIDDEN_TOKEN)
    y[:, 1] = 2
    allowed = torch.ones(3, 3, dtype=torch.bool)
    drawn = draw_tokens(energy, y, allowed, sweeps, torch.Generator().manual_seed(0))
    assert (drawn[:, 1] == 2).all()
    exact = energy.network.table[:, 2]
    exact = exact / exact.sum()
    counts = torch.zeros(3, 3, dtype=torch.float64)
    counts.index_put_((drawn[:, 0], drawn[:, 2]), torch.ones(n).double(), accumulate=True)
    chi = float(((counts - n * exact) ** 2 / (n * exact)).sum())
    # 8 degrees of freedom: the 1 - 1e-4 quantile
    assert chi < 31.8


def test_texts_of_different_blanks_are_drawn_side_by_side():
    energy = _random(3, 4, 0)
    y = torch.tensor([[HIDDEN_TOKEN, 1, 2, 0], [HIDDEN_TOKEN] * 4, [1, 1, 1, 1]])
    drawn = draw_tokens(
        energy, y, torch.ones(4, 3, dtype=torch.bool), 2, torch.Generator().manual_seed(0)
    )
    assert (drawn >= 0).all()
    assert torch.equal(drawn[y >= 0], y[y >= 0])


def test_nothing_hidden_is_nothing_to_fill():
    with pytest.raises(InputError, match="no token is hidden"):
        fill(_random(3, 2, 0), torch.tensor([0, 1]), torch.ones(0, 3, dtype=torch.bool))
