"""Whoever watches a run sees every step, in the units that rows came in, and may end it."""

import copy

import numpy as np
import pytest
import torch

from thalweg.data import two_moons
from thalweg.estimators.registry import ESTIMATORS, estimator
from thalweg.estimators.tables.gradient_model import GradientTableModel
from thalweg.training import Run

ROWS = 5 + 40 * two_moons(200, torch.Generator().manual_seed(0))
MODELS = [
    name for name in ESTIMATORS if ESTIMATORS[name].startswith("tables.")
    and issubclass(estimator(name), GradientTableModel)
]  # fmt: skip
AVERAGED = {"EnergyDensity", "BernoulliRBM"}


@pytest.mark.parametrize("name", MODELS)
def test_each_step_is_seen_and_ended_when_told(name):
    seen = []

    def watch(history, energy):
        now = copy.deepcopy(energy).eval()
        with torch.no_grad():
            seen.append((len(history), now(ROWS[:50])))
        return len(history) == 4

    model = estimator(name)(n_steps=20, random_state=0).fit(ROWS, run=Run(watch=watch))
    assert [step for step, _ in seen] == [1, 2, 3, 4]
    assert len(model.history_) == 4
    energy = model.energy(ROWS[:50])
    alike = np.corrcoef(seen[-1][1], energy)[0, 1]
    if name in AVERAGED:
        # the model ends at the mean of its parameters over the steps
        assert alike > 0.9
    elif name == "MaskedAutoencoder":
        # how much a squared error counts is found out at the end
        assert alike > 0.9999
    else:
        np.testing.assert_allclose(seen[-1][1], energy, rtol=1e-4, atol=1e-5)
    assert not torch.equal(seen[0][1], seen[-1][1])


def test_a_run_that_nobody_ends_goes_to_its_end():
    steps = []
    model = estimator("DenoisingAutoencoder")(n_steps=12, random_state=0)
    model.fit(ROWS, run=Run(watch=lambda history, energy: steps.append(len(history))))
    assert steps == list(range(1, 13))
    unwatched = estimator("DenoisingAutoencoder")(n_steps=12, random_state=0).fit(ROWS)
    np.testing.assert_array_equal(model.energy(ROWS), unwatched.energy(ROWS))


def test_pairs_are_seen_in_their_units():
    x, y = ROWS[:, :1], ROWS[:, 1:]
    seen = []

    def watch(history, energy):
        with torch.no_grad():
            seen.append(copy.deepcopy(energy).eval()(y[:20], x[:20]))

    model = estimator("LatentRegressor")(n_steps=5, n_init=1, random_state=0)
    model.fit(x, y, run=Run(watch=watch))
    np.testing.assert_allclose(seen[-1], model.energy(x[:20], y[:20]), rtol=1e-4, atol=1e-5)
