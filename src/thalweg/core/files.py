"""Writing files so that nothing a user has is ever lost."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from thalweg.core.checks import InputError


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
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
