import subprocess
import sys
from pathlib import Path

import pytest

from thalweg.core import InputError, check_folder, write_beside, write_folder_beside

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


KNOWN = ("a.txt", "b.txt")


def _write(path, text="new", stop=None):
    with write_folder_beside(path, KNOWN) as beside:
        (beside / "a.txt").write_text(text)
        if stop is not None:
            raise stop


def test_a_folder_is_written_whole_or_not_at_all(tmp_path):
    _write(tmp_path / "out", "old")
    with pytest.raises(KeyboardInterrupt):
        _write(tmp_path / "out", "half", KeyboardInterrupt)
    assert (tmp_path / "out" / "a.txt").read_text() == "old"
    _write(tmp_path / "out")
    assert (tmp_path / "out" / "a.txt").read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("stop", [OSError, KeyboardInterrupt])
def test_a_stop_between_the_two_renames_loses_nothing(tmp_path, monkeypatch, stop):
    _write(tmp_path / "out", "old")
    rename = Path.rename
    count = 0

    def stopping(self, target):
        nonlocal count
        count += 1
        if count == 2:
            raise stop
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", stopping)
    with pytest.raises(stop):
        _write(tmp_path / "out")
    assert (tmp_path / "out" / "a.txt").read_text() == "old"


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    _write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "a.txt").read_text() == "new"


def test_folders_that_cannot_be_replaced_are_named_before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path, said in ((".", "the present folder"), ("none/out", "does not exist")):
        with pytest.raises(InputError, match=said):
            check_folder(path, KNOWN)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "c.txt").write_text("mine")
    with pytest.raises(InputError, match=r"other files, 'c\.txt'"):
        check_folder(tmp_path / "out", KNOWN)
