"""What is said of long work where there is no terminal."""

import re

from thalweg.core import progress


def test_a_log_has_a_line_for_every_twentieth(capsys):
    with progress("work", 1000, True, "loss") as follow:
        for done in range(1, 1001):
            follow(done, f"{1000 - done}" if done % 5 == 1 else "")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 20
    assert re.fullmatch(r"work: 50 of 1000, loss 954, \d+ s", lines[0])
    assert lines[-1].startswith("work: 1000 of 1000, loss 4,")


def test_nothing_is_said_that_was_not_asked_for(capsys):
    with progress("work", 3, False) as follow:
        follow(3, "done")
    assert capsys.readouterr().err == ""


def test_work_without_steps_ends(capsys):
    with progress("work", 0, True) as follow:
        follow(0, "")
    assert capsys.readouterr().err == ""
