import subprocess
import sys

import pytest

from thalweg.core import InputError, write_beside

KILLED = """
import os, signal, sys
from thalweg.core import write_beside
with write_beside(sys.argv[1]) as beside:
    beside.write_text("half of the new")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_new_file_replaces_the_old(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    target.chmod(0o640)
    with open(target) as reader:
        with write_beside(target) as beside:
            assert beside.suffix == ".txt"
            beside.write_text("new")
        # renamed, not overwritten: who has the old file open still has it whole
        assert reader.read() == "old"
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail():
        with write_beside(target) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


def test_a_killed_process_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, target], check=False)
    assert done.returncode < 0
    assert target.read_text() == "old"


def test_a_folder_that_is_not_there_is_named(tmp_path):
    there = write_beside(tmp_path / "nowhere" / "a.txt")
    with pytest.raises(InputError, match=r"the folder .*nowhere does not exist"):
        there.__enter__()
