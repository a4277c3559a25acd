"""Writing files so that nothing a user has is ever lost."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from thalweg.core.errors import InputError


@contextmanager
def write_beside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file whole or not at all.

    Gives a path beside the wanted one, with the same ending; when the block ends well, what was
    written there is flushed to disk and renamed into place. When it does not (an exception, a
    full disk, a killed process), the file that stood there before is as it was.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise InputError(f"{target}: the folder {target.parent} does not exist")
    if target.is_dir():
        raise InputError(f"{target} is a folder; expected the name of a file")
    descriptor, name = tempfile.mkstemp(
        prefix=f".{target.stem}.", suffix=target.suffix, dir=target.parent
    )
    os.close(descriptor)
    beside = Path(name)
    try:
        yield beside
        with open(beside, "rb+") as written:
            os.fsync(written.fileno())
        beside.chmod(_usual_mode(target))
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _usual_mode(target: Path) -> int:
    """The mode of the file that stood there, or what a plain ``open`` would give."""
    if target.exists():
        return target.stat().st_mode & 0o777
    return 0o666 & ~_mask()


def _mask() -> int:
    """Permissions that new files do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_folder(path: str | os.PathLike[str], known: Collection[str]) -> Path:
    """The folder, links followed, if :func:`write_folder_beside` may write there."""
    target = Path(path).resolve()
    if not target.parent.is_dir():
        raise InputError(f"{path}: the folder {target.parent} does not exist")
    if target.exists() and not target.is_dir():
        raise InputError(f"{path} is a file; expected the name of a folder")
    if target.is_mount() or target == Path.cwd():
        raise InputError(
            f"{path} is the present folder or the root of a disk, which cannot be put in its place "
            "whole; expected the name of a folder inside"
        )
    if not os.access(target.parent, os.W_OK):
        raise InputError(f"{path}: nothing can be written in {target.parent}")
    there = target.iterdir() if target.is_dir() else ()
    others = [each.name for each in there if each.name not in known]
    if others:
        raise InputError(
            f"{path} has other files, {min(others)!r} among them; expected a new folder, an empty "
            "one, or one that a model was written to"
        )
    return target


@contextmanager
def write_folder_beside(path: str | os.PathLike[str], known: Collection[str]) -> Iterator[Path]:
    """Write a folder whole or not at all.

    Gives an empty folder beside the wanted one; when the block ends well, it takes the wanted name.
    A folder that stood there before goes away then, and only if it has no other files than those
    whose names are ``known``.
    """
    target = check_folder(path, known)
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    before = beside.with_name(beside.name + ".before")
    try:
        yield beside
        for written in beside.iterdir():
            with open(written, "rb+") as file:
                os.fsync(file.fileno())
            written.chmod(_usual_mode(target / written.name))
        beside.chmod(0o777 & ~_mask())
        if target.exists():
            target.rename(before)
        try:
            beside.rename(target)
        except BaseException:
            if before.exists():
                before.rename(target)
            raise
        shutil.rmtree(before, ignore_errors=True)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
