"""The step of independent component analysis, against the energy's own derivatives."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from thalweg.data import Rows
from thalweg.energies import IndependentSources
from thalweg.training.ica import RelativeNewton

D = 4


def problem(seed=0, n=500):
    random = np.random.default_rng(seed)
    rows = random.laplace(size=(n, D))
    rows[:, 2:] = random.uniform(-1.7, 1.7, size=(n, 2))
    weight = torch.eye(D, dtype=torch.float64) + 0.2 * torch.from_numpy(random.normal(size=(D, D)))
    heavy = torch.tensor([True, False, True, False])
    return Rows(rows), IndependentSources(weight, torch.zeros(D).double(), heavy)


def mean_energy(rows, energy):
    return energy(torch.from_numpy(rows.values)).mean()


@pytest.mark.parametrize("heavy", [[True] * D, [False] * D, [True, False, False, True]])
def test_sums_say_the_energy_and_its_derivatives(heavy):
    rows, energy = problem()
    energy.heavy.copy_(torch.tensor(heavy))
    newton = RelativeNewton(energy)
    sums = newton._sums(rows)
    torch.testing.assert_close(newton._loss(sums), mean_energy(rows, energy).detach())

    turn = torch.zeros(D, D, dtype=torch.float64, requires_grad=True)

    def turned(turn):
        s = torch.from_numpy(rows.values) @ energy.weight.detach() @ (torch.eye(D) + turn)
        plain = IndependentSources(torch.eye(D).double(), torch.zeros(D).double(), energy.heavy)
        volume = torch.linalg.slogdet(energy.weight.detach() @ (torch.eye(D) + turn)).logabsdet
        return plain(s).mean() - volume

    (slope,) = torch.autograd.grad(turned(turn), turn)
    torch.testing.assert_close(sums.gradient(energy.heavy), slope.detach())
    # of the second derivatives those that independent sources would have, exact on the diagonal
    second = torch.autograd.functional.hessian(turned, torch.zeros(D, D, dtype=torch.float64))
    own = torch.stack([second[i, i, i, i] for i in range(D)])
    torch.testing.assert_close(sums.own(energy.heavy) + 1, own)
    curve = torch.stack([second[j, i, j, i] for i in range(D) for j in [(i + 1) % D]])
    expected = torch.stack(
        [(sums.square[(i + 1) % D] * sums.curve(energy.heavy)[i]) for i in range(D)]
    )
    torch.testing.assert_close(expected, curve, rtol=0.2, atol=0)


def test_steps_come_down_and_know_where_they_ended():
    rows, energy = problem()
    again = problem()[1]
    step, forgetful = RelativeNewton(energy, same_rows=True), RelativeNewton(again)
    values = []
    for _ in range(20):
        before = mean_energy(rows, energy).detach()
        loss = step(rows, torch.Generator())
        other = forgetful(rows, torch.Generator())
        torch.testing.assert_close(loss.value, other.value, rtol=1e-12, atol=0)
        values.append(float(loss.value))
        if len(values) > 2:  # tails have been chosen by then
            torch.testing.assert_close(loss.value, before)
    assert all(b <= a + 1e-12 for a, b in itertools.pairwise(values))
    assert float(loss.metrics["gradient"]) < 1e-6
    assert energy.heavy.tolist() == [True, True, False, False]
    torch.testing.assert_close(energy.weight, again.weight)


def test_rows_that_change_are_looked_at_anew():
    rows, energy = problem()
    step = RelativeNewton(energy)
    step(rows, torch.Generator())
    rows.values[:] = problem(seed=1)[0].values
    before = mean_energy(rows, energy).detach()
    torch.testing.assert_close(step(rows, torch.Generator()).value, before)


def test_many_rows_begin_with_some_and_end_where_all_do():
    from thalweg.estimators import SquareICA

    random = np.random.default_rng(0)
    rows = random.laplace(size=(12_000, 3)) @ random.normal(size=(3, 3))
    found = SquareICA(random_state=0).fit(rows)
    assert found.n_iter_ <= 6  # of all rows; the way there was made with some
    energy = found.energy_.double()
    step = RelativeNewton(energy)
    loss = step(Rows(rows), torch.Generator())
    assert float(loss.metrics["gradient"]) < 1e-6


def test_some_rows_do_not_speak_for_a_column_of_few_cells():
    from thalweg.estimators import SquareICA

    random = np.random.default_rng(0)
    rows = np.c_[random.laplace(size=(20_000, 2)), np.zeros(20_000)]
    rows[5, 2], rows[9, 2] = 1, -1
    found = SquareICA(random_state=0, max_iter=40)
    with pytest.warns(ConvergenceWarning):
        found.fit(rows)
    assert found.score(rows) > 3  # its likelihood has no highest value, and is high
    assert np.abs(found.components_).max() < 1e6
