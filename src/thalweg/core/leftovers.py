"""Files on their way to their names: what they are called, and what killed processes left."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import secrets
import shutil
import sys
import zlib
from pathlib import Path

KEPT = ".kept"
"""Ends the name of a folder that stood where a new one was being put"""

LONGEST = 200
"""Bytes of a target's name, at most, that go into that of what is beside it"""

NAME = re.compile(r"\.thalweg-([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.(.+)", re.DOTALL)


def beside_name(target: Path) -> str:
    """A new name for what is to become the target: whose it is, and the target's ending."""
    short = len(os.fsencode(target.name)) <= LONGEST
    name = target.name if short else f"long{target.suffix[-LONGEST // 4 :]}"
    return f".thalweg-{_here()}-{os.getpid()}-{secrets.token_hex(4)}.{name}"


def clear(folder: Path) -> None:
    """Take away what processes of this machine left in a folder when they were killed.

    A former folder whose name is free is given it back.
    """
    for path in _left(folder):
        target = _target_of_kept(path)
        if target is not None and not target.exists():
            path.rename(target)
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def kept(target: Path) -> Path | None:
    """The former folder, where a process was killed as it put a new one in its place."""
    if not target.parent.is_dir():
        return None
    found = (path for path in target.parent.iterdir() if _target_of_kept(path) == target)
    return next(found, None)


def _target_of_kept(path: Path) -> Path | None:
    ours = NAME.fullmatch(path.name)
    if ours is None or not path.name.endswith(KEPT):
        return None
    return path.with_name(ours[3].removesuffix(KEPT))


def _left(folder: Path) -> list[Path]:
    """What is ours by its name and its owner, and of a process that is no more."""
    result = []
    for path in folder.iterdir() if os.access(folder, os.R_OK) else ():
        ours = NAME.fullmatch(path.name)
        if ours is None or ours[1] != _here() or _runs(int(ours[2])):
            continue
        try:
            mine = path.lstat().st_uid == _user()
        except FileNotFoundError:
            # another process was faster
            continue
        if mine:
            result.append(path)
    return result


def _user() -> int:
    return 0 if sys.platform == "win32" else os.geteuid()


def _runs(process: int) -> bool:
    """Whether a process is there."""
    if sys.platform == "win32":
        # asking would end it
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _here() -> str:
    """This machine, and on it the space that numbers of processes are of (a container has one)."""
    space = "/proc/self/ns/pid"
    of_numbers = os.readlink(space) if os.path.islink(space) else ""
    return f"{zlib.crc32(f'{platform.node()} {of_numbers}'.encode()):08x}"


def exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two folders at once; False where the system has no way to."""
    if sys.platform == "win32":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(one), os.fsencode(other)
    here, swap = -100, 2  # AT_FDCWD; RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS
    try:
        if sys.platform == "darwin":
            return bool(library.renamex_np(first, second, ctypes.c_uint(swap)) == 0)
        return bool(library.renameat2(here, first, here, second, ctypes.c_uint(swap)) == 0)
    except AttributeError:
        # an older C library
        return False
