import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from thalweg.core import (
    InputError,
    NotWrittenError,
    check_folder,
    read_file,
    write_beside,
    write_folder_beside,
)
from thalweg.core.leftovers import beside_name, kept

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
def test_where_names_cannot_be_exchanged_a_stop_loses_nothing(tmp_path, monkeypatch, stop):
    monkeypatch.setattr("thalweg.core.files.exchange", lambda one, other: False)
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
    _write(tmp_path / "out")
    assert (tmp_path / "out" / "a.txt").read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


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


def _of_a_dead_process(target):
    done = subprocess.run(["true"], check=False, env={})
    assert done.returncode == 0
    dead = subprocess.Popen(["true"])
    dead.wait()
    return target.with_name(beside_name(target).replace(f"-{os.getpid()}-", f"-{dead.pid}-"))


def test_what_killed_processes_left_is_taken_away_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    left, folder = _of_a_dead_process(target), _of_a_dead_process(tmp_path / "out")
    left.write_text("half")
    folder.mkdir()
    alive = target.with_name(beside_name(target))
    elsewhere = left.with_name(left.name.replace(left.name[9:17], "0" * 8))
    others = [alive, elsewhere, tmp_path / ".thalweg-mine.txt", tmp_path / ".a.b.txt"]
    for each in others:
        each.write_text("not ours to take")
    with write_beside(target) as beside:
        beside.write_text("new")
    assert sorted(tmp_path.iterdir()) == sorted([target, *others])


def test_a_former_folder_is_found_and_given_its_name_back(tmp_path):
    target = tmp_path / "out"
    left = _of_a_dead_process(target)
    left = left.with_name(left.name + ".kept")
    left.mkdir()
    (left / "a.txt").write_text("old")
    assert kept(target) == left
    with write_beside(tmp_path / "else.txt") as beside:
        beside.write_text("new")
    assert (target / "a.txt").read_text() == "old"
    assert kept(target) is None


def test_a_link_is_followed_and_stays(tmp_path):
    (tmp_path / "there").mkdir()
    target = tmp_path / "there" / "a.txt"
    target.write_text("old")
    for name, to in (("link", target), ("new", tmp_path / "there" / "b.txt")):
        (tmp_path / name).symlink_to(to)
        with write_beside(tmp_path / name) as beside:
            beside.write_text("new")
        assert (tmp_path / name).is_symlink()
        assert to.read_text() == "new"
    (tmp_path / "round").symlink_to(tmp_path / "round")
    with pytest.raises(InputError, match="round could not be written"):
        write_beside(tmp_path / "round").__enter__()


def test_a_device_a_pipe_and_a_socket_are_written_to(tmp_path):
    def put(path, text):
        with write_beside(path) as beside:
            beside.write_text(text)

    before = os.stat(os.devnull)
    put(os.devnull, "nothing")
    assert os.stat(os.devnull).st_rdev == before.st_rdev
    with pytest.raises(NotWrittenError, match="/dev/full could not be written"):
        put("/dev/full", "too much")
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=put, args=(tmp_path / "pipe", "through a pipe"))
    writer.start()
    assert (tmp_path / "pipe").read_text() == "through a pipe"
    writer.join()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        put(tmp_path / "socket", "through a socket")
        with server.accept()[0] as line:
            assert line.recv(100) == b"through a socket"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["pipe", "socket"]


def test_what_must_not_be_written_is_refused_before(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    target.chmod(0o444)
    (tmp_path / "out").mkdir(0o555)
    for start, path in ((write_beside, target), (_folder_beside, tmp_path / "out")):
        with pytest.raises(InputError, match=f"{path} is read-only"):
            start(path).__enter__()
    with pytest.raises(InputError, match="is a folder; expected the name of a file"):
        write_beside(tmp_path / "out").__enter__()
    assert target.read_text() == "old"


def _folder_beside(path):
    return write_folder_beside(path, KNOWN)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    _write(tmp_path / "out", "old")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limit[1]))
    try:
        with (
            pytest.raises(NotWrittenError, match=r"a\.txt could not be written \(File too large"),
            write_beside(tmp_path / "a.txt") as beside,
        ):
            beside.write_text("more than ten letters")
        with pytest.raises(NotWrittenError, match="out could not be written"):
            _write(tmp_path / "out", "more than ten letters")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.txt", "out"]
    assert (tmp_path / "a.txt").read_text() == "old"
    assert (tmp_path / "out" / "a.txt").read_text() == "old"


def test_only_files_are_read(tmp_path):
    (tmp_path / "a.txt").write_text("here")
    (tmp_path / "out").mkdir()
    (tmp_path / "in").symlink_to(tmp_path / "a.txt")
    (tmp_path / "out" / "off").symlink_to(tmp_path / "a.txt")
    os.mkfifo(tmp_path / "pipe")
    assert read_file(tmp_path / "in", "a text", within=tmp_path) == b"here"
    for path, said in (
        ("/dev/zero", "is a device; expected a text"),
        (tmp_path / "pipe", "is a pipe"),
        (tmp_path / "out", "is a folder"),
        (tmp_path / "none", "no such file; expected a text"),
        ("a\0b", "cannot be read"),
    ):
        with pytest.raises(InputError, match=said):
            read_file(path, "a text")
    with pytest.raises(InputError, match="leads out of the folder"):
        read_file(tmp_path / "out" / "off", "a text", within=tmp_path / "out")


SAVES = """
import os, signal, sys
from thalweg.core import write_folder_beside
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in sys.stdin:
    child = os.fork()
    if child:
        print(child, flush=True)
        continue
    for i in range(1_000_000):
        with write_folder_beside(sys.argv[1], ("a.txt", "b.txt")) as beside:
            for name in ("a.txt", "b.txt"):
                (beside / name).write_text(str(i))
"""


def test_killed_saves_leave_a_whole_folder_at_every_moment(tmp_path):
    target = tmp_path / "out"
    with write_folder_beside(target, KNOWN) as beside:
        for name in KNOWN:
            (beside / name).write_text("0")
    random = np.random.default_rng(0)
    read = 0
    with subprocess.Popen(
        [sys.executable, "-c", SAVES, target], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, bufsize=1,
    ) as server:  # fmt: skip
        for _ in range(20):
            before = target.stat().st_ino
            server.stdin.write("\n")
            child = int(server.stdout.readline())
            while target.stat().st_ino == before:
                time.sleep(0.001)
            end = time.perf_counter() + random.uniform(0, 0.02)
            while time.perf_counter() < end:
                # a folder is there, at every moment
                os.close(os.open(target, os.O_RDONLY))
                read += 1
            os.kill(child, signal.SIGKILL)
            while Path(f"/proc/{child}").exists():
                time.sleep(0.001)
            assert len({(target / name).read_text() for name in KNOWN}) == 1
        server.stdin.close()
    assert read > 100
    _write(target)
    assert [each.name for each in tmp_path.iterdir()] == ["out"]
