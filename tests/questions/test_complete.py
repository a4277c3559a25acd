"""Completion where not every filling has a finite energy."""

import math

import pytest
import torch

from thalweg.core import Energy, InputError
from thalweg.estimators import KMeans
from thalweg.questions import complete, descend, landscape, plane_of, project


class HalfPlane(Energy):
    """A parabola about 1, and nothing below 0."""

    def forward(self, y, x=None):
        inside = (y[:, 0] - 1).square() + y[:, 1].square()
        return torch.where(y[:, 0] >= 0, inside, torch.inf)


@pytest.mark.parametrize("worse", [-1.0, -50.0])
def test_a_filling_without_a_finite_energy_is_passed_over(worse):
    y = torch.tensor([[math.nan, 0.5], [math.nan, -1.0]], dtype=torch.float64)
    starts = torch.tensor([[worse, 0.0], [3.0, 0.0]], dtype=torch.float64)
    filled = complete(HalfPlane(), y, starts=starts)
    torch.testing.assert_close(filled[:, 0], torch.ones(2, dtype=torch.float64), atol=1e-3, rtol=0)
    assert torch.equal(filled[:, 1], y[:, 1])


class Valley(Energy):
    def forward(self, y, x=None):
        return valley(y)


def valley(y):
    return y[:, 0] ** 2 / 4 + 4 * (y[:, 1] - y[:, 0] ** 2 / 4) ** 2


@pytest.mark.parametrize(
    "ask",
    [
        lambda energy, y: complete(energy, torch.where(y > 1, math.nan, y), starts=y),
        project,
        descend,
        lambda energy, y: landscape(energy, plane_of(y), (-1, -1), (1, 1), 5).energy,
    ],
    ids=["complete", "project", "descend", "landscape"],
)
def test_a_function_answers_as_the_module_does(ask):
    y = torch.tensor([[2.0, 0.5], [-1.0, 3.0]], dtype=torch.float64)
    torch.testing.assert_close(ask(valley, y), ask(Valley(), y), rtol=0, atol=0)


@pytest.mark.parametrize(
    "ask",
    [
        complete,
        project,
        descend,
        lambda energy, y: plane_of(y),
    ],
    ids=["complete", "project", "descend", "plane_of"],
)
@pytest.mark.parametrize(
    ("y", "text"),
    [
        ([[0.0, 0.0]], "must be a tensor, got list"),
        (torch.zeros(2, 2, dtype=torch.long), "must have floating point numbers, got torch.int64"),
    ],
    ids=["list", "integers"],
)
def test_rows_of_another_kind_are_refused(ask, y, text):
    with pytest.raises(InputError, match=text):
        ask(valley, y)


def test_an_estimator_is_no_energy():
    with pytest.raises(InputError, match=r"energy is KMeans; expected .* energy_"):
        descend(KMeans(), torch.zeros(1, 2))
