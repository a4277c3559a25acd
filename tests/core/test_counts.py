"""Whole numbers of every type are counts; what is not one is said."""

import numpy as np
import pytest
import torch

from thalweg.core import (
    Either,
    InputError,
    Integer,
    Levels,
    Nothing,
    Real,
    Seed,
    Sizes,
    Switch,
    generator_from,
    whole_number,
)
from thalweg.energies import Normal
from thalweg.estimators import KMeans
from thalweg.questions import descend, sample
from thalweg.samplers import HMC, annealed_importance, importance, run

KINDS = (
    int, np.int64, np.uint8, np.int32, np.array, torch.tensor,
    lambda number: torch.tensor(number, dtype=torch.uint8),
)  # fmt: skip

NO_COUNTS = (True, np.True_, np.array(True), torch.tensor(True), 3.0, np.float64(3), "3", None,
             np.array([3]), torch.tensor([3]), torch.tensor(3.0))  # fmt: skip


def energy(y):
    return y.square().sum(dim=1) / 2


@pytest.mark.parametrize("kind", KINDS)
def test_whole_numbers_of_every_type_are_counts(kind):
    found = whole_number("n", kind(200))
    assert type(found) is int
    assert found == 200
    for constraint in (Integer(1), Seed(), Either(Nothing(), Integer(1))):
        assert constraint.allows(kind(200))
        assert type(constraint.plain(kind(200))) is int
    assert Sizes().plain((kind(200), 3)) == (200, 3)
    assert type(Sizes().plain([kind(200)])[0]) is int


@pytest.mark.parametrize("value", NO_COUNTS, ids=repr)
def test_what_is_no_whole_number_is_no_count(value):
    with pytest.raises(InputError, match="n must be a whole number of at least 1, got"):
        whole_number("n", value)
    assert not Integer(1).allows(value)
    assert value is None or not Seed().allows(value)


@pytest.mark.parametrize(
    "value", [np.float32(0.5), np.float16(0.5), np.array(0.5), torch.tensor(0.5), np.float64(0.5)]
)
def test_real_numbers_of_every_type_are_numbers(value):
    for constraint in (Real(0), Levels()):
        assert constraint.allows(value)
        assert type(constraint.plain(value)) is float
    assert Levels().plain((value, 0.5)) == (0.5, 0.5)
    assert Switch().plain(np.True_) is True
    for other in (torch.tensor([0.5]), np.array("a"), np.True_, torch.tensor(True)):
        assert not Real(0).allows(other)


@pytest.mark.filterwarnings("ignore:.*chains do not agree:RuntimeWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_counts_are_taken_wherever_one_is_asked_for(kind):
    def generator():
        return torch.Generator().manual_seed(0)

    start, walk = torch.zeros(1, 2), HMC(step_size=0.5, n_steps=kind(3))
    assert walk.n_steps == 3
    assert type(walk.n_steps) is int
    # 200 + 100 is more than eight bits hold
    drawn = sample(energy, kind(100), generator(), start=start, sampler=walk, chains=kind(2),
                   warm_up=kind(200), thin=kind(1))  # fmt: skip
    expected = sample(energy, 100, generator(), start=start, sampler=walk, chains=2, warm_up=200)
    assert torch.equal(drawn.y, expected.y)
    assert run(walk, energy, walk.init(energy, start), kind(4), generator()).draws.shape[1] == 4
    normal = Normal(torch.zeros(2), torch.eye(2))
    assert len(importance(energy, normal, kind(20), generator()).y) == 20
    annealed_importance(energy, normal, walk, kind(3), kind(20), generator())
    descend(energy, start, max_steps=kind(3))


@pytest.mark.parametrize("kind", KINDS)
def test_estimators_keep_numbers_of_pythons_own(kind):
    x = np.random.default_rng(0).normal(size=(30, 2))
    model = KMeans(kind(2), tol=np.float32(0.5), random_state=kind(5)).fit(x)
    assert type(model.n_clusters) is int
    assert type(model.tol) is float
    expected = KMeans(2, tol=0.5, random_state=5).fit(x)
    np.testing.assert_array_equal(model.cluster_centers_, expected.cluster_centers_)


@pytest.mark.parametrize(
    "state",
    [-1, 2**32, 0.5, "a", True, np.random.default_rng(0)],
    ids=lambda value: type(value).__name__,
)
def test_bad_seeds_are_refused(state):
    with pytest.raises(InputError, match="random_state must be a whole number from 0 to"):
        generator_from(state)
