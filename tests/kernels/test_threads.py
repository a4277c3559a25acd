"""Rows shared out to threads: each once, wherever, and nothing that is raised is lost."""

import threading

import pytest
import torch

from thalweg.kernels import threads
from thalweg.kernels.threads import over_blocks


@pytest.fixture(params=["torch's threads", "threads of our own"])
def two_threads(request, monkeypatch):
    if request.param == "threads of our own":
        monkeypatch.setattr(threads, "_openmp", lambda: None)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("n", [0, 1, 7, 64, 1000])
@pytest.mark.parametrize("multiple", [1, 16])
def test_every_row_is_in_one_block(n, multiple, two_threads):
    seen = []
    over_blocks(lambda start, stop: seen.append((start, stop)), n, multiple)
    rows = sorted(i for start, stop in seen for i in range(start, stop))
    assert rows == list(range(n))
    assert all(start % multiple == 0 for start, _ in seen)


def test_two_threads_work_side_by_side(two_threads):
    # each waits for the other: one alone would wait for ever
    both = threading.Barrier(2, timeout=30)
    over_blocks(lambda start, stop: both.wait(), 8)


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("where", ["own", "other"])
def test_what_a_thread_raises_is_raised_here(kind, where, two_threads):
    caller, both = threading.get_ident(), threading.Barrier(2, timeout=30)

    def work(start, stop):
        both.wait()
        if (threading.get_ident() == caller) == (where == "own"):
            raise kind("here")

    # two blocks, one for each thread
    with pytest.raises(kind, match="here"):
        over_blocks(work, 2)


def test_an_error_is_the_one_that_was_raised(two_threads):
    def work(start, stop):
        raise ValueError(f"block {start}")

    with pytest.raises(ValueError, match="block"):
        over_blocks(work, 100)


def test_after_an_error_the_threads_work_on(two_threads):
    with pytest.raises(ZeroDivisionError):
        over_blocks(lambda start, stop: 1 // 0, 10)
    seen = []
    over_blocks(lambda start, stop: seen.append(start), 10)
    assert len(seen) > 1
