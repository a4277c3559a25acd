"""What training remembers of its steps."""

import torch

from thalweg.core import Loss
from thalweg.training.history import BLOCK, History


def loss(i, names=("energy", "gap")):
    return Loss(torch.tensor(float(i)), {name: torch.tensor(float(i + 1)) for name in names})


def test_nothing_is_lost_when_steps_are_gathered():
    history = History()
    for i in range(3 * BLOCK + 5):
        history.add(loss(i))
    assert history.losses == [float(i) for i in range(3 * BLOCK + 5)]
    assert [float(each["gap"]) for each in history.metrics] == [i + 1 for i in range(len(history))]
    again = History.from_state(history.state())
    assert again.losses == history.losses
    torch.testing.assert_close(again.recent("energy", 50), history.recent("energy", 50))


def test_many_steps_are_few_pieces_of_memory():
    history = History()
    for i in range(4 * BLOCK):
        history.add(loss(i))
    places = {value.untyped_storage().data_ptr() for value in history.values}
    assert len(places) == 4
    assert len({each["gap"].untyped_storage().data_ptr() for each in history.metrics}) == 4


def test_steps_that_report_other_things_are_left_as_they_are():
    history = History()
    for i in range(BLOCK):
        history.add(loss(i, ("energy",) if i % 2 else ("gap",)))
    history.add(Loss(torch.tensor(0.0, dtype=torch.float64), {}))
    assert [list(each) for each in history.metrics[:3]] == [["gap"], ["energy"], ["gap"]]
    for _ in range(BLOCK):
        history.add(Loss(torch.tensor(1.0), {}))
    assert history.losses[-BLOCK - 1 :] == [0.0] + [1.0] * BLOCK
    # a step of another kind keeps its own
    assert [value.dtype for value in history.values[BLOCK : BLOCK + 2]] == [
        torch.float64,
        torch.float32,
    ]
