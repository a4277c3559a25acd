"""What training remembers of its steps."""

import pytest
import torch

from thalweg.core import Loss
from thalweg.training.history import BLOCK, History
from thalweg.training.stopping import no_more_progress


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


MOST, RECENT = 200, 50


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr("thalweg.training.history.MOST", MOST)
    monkeypatch.setattr("thalweg.training.history.RECENT", RECENT)


@pytest.mark.usefixtures("short")
def test_a_long_run_is_kept_in_bounds_and_whole():
    history = History()
    value, metrics = torch.tensor(0.0), {"gap": torch.tensor(1.0)}
    longest = 0
    for _ in range(6 * MOST + 17):
        history.add(Loss(value, metrics))
        longest = max(longest, len(history.values))
    assert len(history) == 6 * MOST + 17
    assert longest == MOST
    kept = (history.values, history.metrics, history.seconds, history.steps)
    assert {len(each) for each in kept} == {len(history.losses)}
    # the last ones all, those before at even distances, from the start on
    steps = torch.tensor(history.steps)
    assert history.steps[-RECENT:] == list(range(len(history) - RECENT + 1, len(history) + 1))
    apart = steps[: MOST // 5].diff().unique()
    assert len(apart) == 1
    assert apart[0] > 1
    assert steps[0] <= apart[0]
    assert history.recent("gap", RECENT) is not None
    assert history.recent("gap", len(history.steps)) is None


@pytest.mark.usefixtures("short")
def test_a_resumed_record_is_the_uninterrupted_one():
    whole, first = History(), History()
    for i in range(MOST + 50):
        whole.add(loss(i))
        if i < MOST - 20:
            first.add(loss(i))
    again = History.from_state(first.state())
    for i in range(MOST - 20, MOST + 50):
        again.add(loss(i))
    assert again.steps == whole.steps
    assert again.losses == whole.losses
    assert len(again) == len(whole)


@pytest.mark.usefixtures("short")
def test_an_epoch_longer_than_the_record_is_judged_whole():
    history, steps = History(), 3 * MOST
    # falls as a whole, 5, 4.5, 4, ...; its end, of which the record has more, rises
    stop = no_more_progress(steps, tol=0.2)
    for epoch in range(5):
        for i in range(steps):
            value = 10.0 - 2 * epoch if i < steps // 2 else float(epoch)
            history.add(Loss(torch.tensor(value), {}))
            assert not stop(history)
