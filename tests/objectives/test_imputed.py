"""Hidden entries drawn in training, held to exact conditionals and to exact likelihoods."""

import pytest
import torch

from thalweg.core import Batch
from thalweg.energies import Normal, NormalMixture, RestrictedBoltzmann, every_state
from thalweg.objectives import EveryState, MaximumLikelihood, PushDown
from thalweg.objectives.imputed import Deck, Held, HeldMachine, Imputed, jumped

DOUBLE = torch.float64


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def imputed(objective, y, generator):
    hiding = y.isnan().any(dim=1).nonzero()[:, 0]
    return Imputed(objective, hiding, Deck(y, generator), None)


def batch_of(y):
    return Batch(y, position=torch.arange(len(y)))


def test_a_deck_fills_each_entry_from_rows_that_show_it(generator):
    y = torch.tensor([[1.0, torch.nan], [2.0, 7.0], [torch.nan, 7.0], [3.0, torch.nan]])
    filled = Deck(y, generator).filled(y.repeat(200, 1))
    assert torch.equal(filled[~y.repeat(200, 1).isnan()], y[~y.isnan()].repeat(200))
    assert (filled[:, 1] == 7).all()
    count = torch.bincount(filled[2::4, 0].long())[1:]
    assert (count > 40).all()


def test_what_is_held_stays_and_has_no_slope(generator):
    energy = Normal(torch.zeros(3), torch.eye(3) + 0.5)
    y, free = torch.randn(4, 3, generator=generator), torch.tensor([True, False, True]).expand(4, 3)
    held, other = Held(energy, y, free), torch.randn(4, 3, generator=generator)
    whole = torch.stack([other[:, 0], y[:, 1], other[:, 2]], dim=1)
    assert torch.equal(held(other), energy(whole))
    value, slope = held.value_and_gradient(other)
    assert torch.equal(value, energy(whole))
    assert (slope[:, 1] == 0).all()
    torch.testing.assert_close(slope[:, 0], energy.value_and_gradient(whole)[1][:, 0])


def test_chains_come_to_the_conditional_density(generator):
    covariance = torch.tensor([[1.0, 0.8, -0.3], [0.8, 1.0, 0.1], [-0.3, 0.1, 1.0]])
    energy = Normal(torch.tensor([0.5, -0.5, 0.0]), covariance)
    y = torch.tensor([[torch.nan, 1.0, torch.nan]]).repeat(4000, 1)
    y[0] = torch.tensor([0.0, 1.0, 0.0])
    found = imputed(PushDown(), y, generator)
    for _ in range(40):
        found(energy, batch_of(y), generator)
    drawn = found.chains
    mean = energy.mean[[0, 2]] + covariance[[0, 2], 1] * 1.5
    spread = covariance[[0, 2]][:, [0, 2]] - torch.outer(
        covariance[[0, 2], 1], covariance[1, [0, 2]]
    )
    torch.testing.assert_close(drawn[:, [0, 2]].mean(dim=0), mean, atol=0.08, rtol=0)
    torch.testing.assert_close(drawn[:, [0, 2]].T.cov(), spread, atol=0.08, rtol=0)
    assert (drawn[:, 1] == 1).all()


def test_jumps_leave_the_density_and_reach_valleys_that_nothing_joins(generator):
    energy = NormalMixture(torch.tensor([[-2.0, 0.0], [2.0, 0.0], [2.0, 0.2]]), 0.05)
    y = torch.tensor([[-2.0, 0.0]]).repeat(3000, 1)
    held = Held(energy, y, torch.tensor([True, False]).expand(3000, 2))
    end = jumped(held, y, 300, generator)
    # of the three wells two are at this height, the third 4 deviations off
    right = torch.softmax(torch.tensor([0.0, 0.0, -0.5 * 16]), 0)[1:].sum()
    assert float((end[:, 0] > 0).float().mean()) == pytest.approx(float(right), abs=0.04)
    assert float(end[end[:, 0] > 0, 0].std()) == pytest.approx(0.05, abs=0.005)


def machine(generator, d=4, k=2):
    return RestrictedBoltzmann(
        *(torch.randn(*shape, generator=generator, dtype=DOUBLE) for shape in ((d, k), (d,), (k,)))
    )


def test_gibbs_steps_move_only_what_is_hidden(generator):
    energy = machine(generator)
    y = torch.tensor([[1.0, 0.0, 0.0, 1.0]], dtype=DOUBLE).repeat(5000, 1)
    free = torch.tensor([True, False, True, False]).expand(5000, 4)
    held = HeldMachine(energy, y, free)
    for _ in range(30):
        y = held.draw_visible(held.draw_hidden(y, generator), generator)
    states = every_state(4)
    states = states[(states[:, 1] == 0) & (states[:, 3] == 1)]
    mean = torch.softmax(-energy(states), dim=0) @ states
    assert (y[:, [1, 3]] == torch.tensor([0.0, 1.0])).all()
    torch.testing.assert_close(y.mean(dim=0), mean, atol=0.035, rtol=0)


def test_the_gradient_is_that_of_the_likelihood_of_what_is_visible(generator):
    energy = machine(generator)
    row = (torch.rand(30, 4, generator=generator) < 0.5).double()
    row[torch.rand(30, 4, generator=generator) < 0.4] = torch.nan
    states = every_state(4)
    fits = ((states == row[:, None]) | row[:, None].isnan()).all(dim=2)
    log_p = torch.where(fits, -energy(states), -torch.inf).logsumexp(dim=1)
    exact = torch.autograd.grad(
        (torch.logsumexp(-energy(states), 0) - log_p).mean(), list(energy.parameters())
    )
    y = row.repeat(400, 1)
    objective = imputed(MaximumLikelihood(EveryState()), y, generator)
    for _ in range(20):
        loss = objective(energy, batch_of(y), generator).value
    found = torch.autograd.grad(loss, list(energy.parameters()))
    for one, other in zip(found, exact, strict=True):
        torch.testing.assert_close(one, other, atol=0.015, rtol=0)


def test_a_checkpoint_has_the_chains_and_whole_rows_pass_as_they_are(generator):
    energy = Normal(torch.zeros(2), torch.eye(2))
    y = torch.randn(6, 2, generator=generator)
    y[3, 1] = y[5, 0] = torch.nan
    first = imputed(PushDown(), y, torch.Generator().manual_seed(1))
    first(energy, batch_of(y), torch.Generator().manual_seed(2))
    again = imputed(PushDown(), y, torch.Generator().manual_seed(3))
    assert not torch.equal(again.chains, first.chains)
    again.load_state_dict(first.state_dict())
    values = [
        o(energy, batch_of(y), torch.Generator().manual_seed(4)).value for o in (first, again)
    ]
    assert torch.equal(*values)
    whole = y[[0, 1, 2, 4]]
    before = torch.Generator().manual_seed(5)
    stood = before.get_state()
    value = first(energy, batch_of(whole), before).value
    assert torch.equal(value, PushDown()(energy, Batch(whole), before).value)
    assert torch.equal(before.get_state(), stood)
