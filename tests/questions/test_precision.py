"""Descents that go most of the way in single precision."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from thalweg.core import Energy
from thalweg.energies import Rescaled
from thalweg.estimators import AnomalyDetector
from thalweg.questions import complete, project
from thalweg.questions.descent import _down, descend_apart, in_single
from thalweg.samplers import LBFGS

SEED = 0


class Bowl(Energy):
    """A quartic bowl about a far place; notes in which precision it was asked."""

    def __init__(self, place: float) -> None:
        super().__init__()
        self.place = torch.nn.Parameter(torch.tensor(place, dtype=torch.float64))
        self.weight = torch.nn.Parameter(torch.tensor([1.0, 30.0, 0.1], dtype=torch.float64))
        self.network = torch.nn.Linear(1, 1).double()  # of networks descents begin in single
        self.asked: list[torch.dtype] = []

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        self.asked.append(y.dtype)
        away = y - self.place
        return 1 + (self.weight * away.square()).sum(dim=1) + away.pow(4).sum(dim=1)


def rows() -> Tensor:
    return torch.randn(40, 3, generator=torch.Generator().manual_seed(SEED), dtype=torch.float64)


def test_the_end_is_that_of_double_precision() -> None:
    energy = Bowl(0.3)
    found = descend_apart(energy, rows())
    torch.testing.assert_close(found, torch.full_like(found, 0.3), rtol=0, atol=5e-6)
    # the steps of the copy in single precision are not noted here: few are left
    assert 2 < len(energy.asked) < 30


def test_rows_that_single_precision_cannot_tell_are_brought_down_in_double() -> None:
    # at 1e9 single precision knows multiples of 64
    energy = Bowl(1e9)
    y = 1e9 + rows()
    _, able = in_single(energy, y, None)
    assert not bool(able.any())
    assert torch.equal(descend_apart(energy, y), _down(energy, y, None, None, method=LBFGS()).y)


def test_units_far_from_0_are_those_inside() -> None:
    inside = Bowl(0.3)
    far, wide = torch.tensor([1e9, 0.0, -1e6]).double(), torch.tensor([7.3, 1.1e-3, 0.7]).double()
    energy = Rescaled(inside, far, wide)
    found = project(energy, far + wide * rows())
    torch.testing.assert_close((found - far) / wide, torch.full_like(found, 0.3), rtol=0, atol=1e-5)
    assert len(inside.asked) < 40
    y, free = far + wide * rows(), torch.tensor([True, False, False]).expand(40, 3)
    assert torch.equal(descend_apart(energy, y, free=free)[~free], y[~free])


def test_a_row_ends_where_it_does_alone_and_what_is_held_stays() -> None:
    generator = torch.Generator().manual_seed(1)
    energy, y = Bowl(0.3), rows()
    y[::4] *= 1e6  # rows that single precision is not enough for, beside others
    free = torch.rand(y.shape, generator=generator) < 0.7
    found = descend_apart(energy, y, free=free)
    assert torch.equal(found[~free], y[~free])
    for i in range(0, 40, 7):
        alone = descend_apart(energy, y[i : i + 1], free=free[i : i + 1])
        torch.testing.assert_close(found[i : i + 1], alone, rtol=1e-6, atol=1e-5)
    holed = torch.where(free, torch.nan, y)
    filled = complete(energy, holed, starts=rows()[:5])
    assert torch.equal(filled[~free], y[~free])
    near = torch.arange(40) % 4 != 0  # a row is done by its length, what is visible included
    assert (filled[near][free[near]] - 0.3).abs().max() < 1e-4


def test_no_row_ends_higher_than_it_began() -> None:
    class Cliff(Energy):
        """Beyond 4 a plateau, which only single precision takes for a deep one."""

        def __init__(self) -> None:
            super().__init__()
            self.network = torch.nn.Linear(1, 1).double()

        def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
            height = 1000.0 if y.dtype == torch.float64 else -1000.0
            bowl = 0.01 * (y - 6).square()
            return torch.where(y > 4, height + 0 * bowl, bowl).sum(dim=1)

    energy, y = Cliff(), rows()
    with torch.no_grad():
        assert bool((energy(descend_apart(energy, y)) < energy(y)).all())


def test_beside_kinks_a_row_ends_where_it_does_alone() -> None:
    random = np.random.default_rng(0)
    table = random.normal(size=(300, 2)) @ random.normal(size=(2, 4))
    table += 0.1 * random.normal(size=(300, 4))
    model = AnomalyDetector(random_state=0).fit(table)
    away = table[:20] + 0.5 * table.std(0) * random.normal(size=(20, 4))
    whole = model.project(away)
    alone = np.concatenate([model.project(away[i : i + 1]) for i in range(20)])
    assert np.abs((whole - alone) / table.std(0)).max() < 1e-9
