"""Reading only what is a file, and writing so that nothing a user has is ever lost."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from thalweg.core.errors import InputError, NotWrittenError
from thalweg.core.leftovers import KEPT, beside_name, clear, exchange


def read_file(path: str | os.PathLike[str], expected: str, within: Path | None = None) -> bytes:
    """The content of a regular file, links followed as far as ``within`` goes.

    Parameters
    ----------
    path : path
    expected : str
        What it should be, for the messages.
    within : path, optional
        A folder that links must not lead out of.

    Raises
    ------
    InputError
        If there is none, it is no regular file (a device, a pipe, a folder), it cannot be read, or
        a link leads elsewhere.
    """
    size = check_file(path, expected, within)
    try:
        with open(path, "rb") as file:
            # no more than it said: what grows under the hand is not read for ever
            return file.read(size)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({_said(error)}); expected {expected}") from error


def check_file(path: str | os.PathLike[str], expected: str, within: Path | None = None) -> int:
    """The size of a regular file; refused as :func:`read_file` does if it is none."""
    try:
        if within is not None and not Path(path).resolve().is_relative_to(within.resolve()):
            raise InputError(f"{path} is a link that leads out of the folder; expected {expected}")
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{path} is {_kind(found.st_mode)}; expected {expected}")
        return found.st_size
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; expected {expected}") from error
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} cannot be read ({_said(error)}); expected {expected}") from error


def _kind(mode: int) -> str:
    names = (
        (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
    )  # fmt: skip
    return next((name for test, name in names if test(mode)), "a device")


def _said(error: Exception) -> str:
    """What the system says of an error, without the path once more."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


@contextmanager
def write_beside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file whole or not at all.

    Gives a path beside the wanted one, with the same ending; when the block ends well, what was
    written there is flushed to disk and renamed into place. When it does not (an exception, a
    full disk, a killed process), the file that stood there before is as it was. A link stays, and
    what it leads to is replaced; devices, pipes and sockets are written to.

    Raises
    ------
    InputError
        If the folder is not there, or the path is a folder or a file that must not be written.
    NotWrittenError
        If the system refuses (a full disk).
    """
    try:
        found = _found(path)
        if found is not None and not stat.S_ISREG(found.st_mode):
            with tempfile.TemporaryDirectory(prefix="thalweg-") as folder:
                written = Path(folder, Path(path).name)
                yield written
                _pour(written, path, found.st_mode)
            return
        target = Path(path).resolve()
        clear(target.parent)
        beside = target.with_name(beside_name(target))
        try:
            # taken at once, so that no other process cleans it up
            os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            yield beside
            _finish(beside, target)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except NotWrittenError:
        raise
    except OSError as error:
        raise NotWrittenError(f"{path} could not be written ({_said(error)})") from error


def _found(path: str | os.PathLike[str]) -> os.stat_result | None:
    """What stands there, None if nothing; refused if nothing can be written there."""
    target = Path(path)
    if not target.parent.is_dir():
        raise InputError(f"{target}: the folder {target.parent} does not exist")
    try:
        found = target.stat()
    except FileNotFoundError:
        there = target.resolve().parent
        if not there.is_dir():
            raise InputError(f"{target}: the folder {there} does not exist") from None
        if not os.access(there, os.W_OK):
            raise InputError(f"{target}: nothing can be written in {there}") from None
        return None
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{target} is a folder; expected the name of a file")
    # who may do everything is held to what the file says too
    if not found.st_mode & 0o222 or not os.access(target, os.W_OK):
        raise InputError(
            f"{target} is read-only; expected a file that may be written, or a new one"
        )
    return found


def _pour(written: Path, path: str | os.PathLike[str], mode: int) -> None:
    """Write what is in a file to a device, a pipe or a socket."""
    with open(written, "rb") as source:
        if stat.S_ISSOCK(mode):
            with socket.socket(socket.AF_UNIX) as line:
                line.connect(os.fspath(path))
                line.sendfile(source)
            return
        with open(path, "wb", buffering=0) as sink:
            shutil.copyfileobj(source, sink)


def _finish(written: Path, target: Path) -> None:
    """Bring what was written to the disk, with the mode of what it takes the place of."""
    with open(written, "rb+") as file:
        os.fsync(file.fileno())
    written.chmod(_usual_mode(target))


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
    if target.exists() and not target.stat().st_mode & 0o222:
        raise InputError(
            f"{path} is read-only; expected a folder that may be written, or a new one"
        )
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

    Gives an empty folder beside the wanted one; when the block ends well, the two exchange their
    names at once, so that at every moment one of them is there. Where the system cannot do that,
    there is a moment without a folder, and the former one is found under the name that
    :func:`thalweg.core.leftovers.kept` gives, by the next save too. A folder that stood there
    before goes away only if it has no other files than those whose names are ``known``.
    """
    target = check_folder(path, known)
    try:
        clear(target.parent)
        beside = target.with_name(beside_name(target))
        try:
            beside.mkdir(0o700)
            yield beside
            for written in beside.iterdir():
                _finish(written, target / written.name)
            beside.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o777 & ~_mask())
            _put(beside, target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except NotWrittenError:
        raise
    except OSError as error:
        raise NotWrittenError(f"{path} could not be written ({_said(error)})") from error


def _put(beside: Path, target: Path) -> None:
    """Let a folder take the name of another, which takes its name."""
    if not target.exists():
        beside.rename(target)
    elif not exchange(beside, target):
        before = beside.with_name(beside.name + KEPT)
        target.rename(before)
        try:
            beside.rename(target)
        except BaseException:
            before.rename(target)
            raise
        before.rename(beside)
