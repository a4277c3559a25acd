"""The bytes of a table's file: uncompressed, kept from standard input, as UTF-8 lines."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from thalweg.core import InputError
from thalweg.data.table_files.encodings import Decoder

CHUNK_BYTES = 8 * 2**20
"""Read at a time"""

COMPRESSED = {
    b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip", b"PK\x05\x06": "zip",
}  # fmt: skip
"""What compressed files begin with"""

STANDARD_INPUT = "-"


def kept(path: Path) -> Path | None:
    """A temporary file with what can be read only once: standard input or a pipe; else None.

    Whoever asked takes it away.
    """
    if str(path) == STANDARD_INPUT:
        return _copy(sys.stdin.buffer)
    try:
        if not stat.S_ISFIFO(path.stat().st_mode):
            return None
    except OSError:
        return None
    with open(path, "rb") as pipe:
        return _copy(pipe)


def _copy(source: IO[bytes]) -> Path:
    handle, name = tempfile.mkstemp(prefix="thalweg-")
    try:
        with open(handle, "wb") as file:
            shutil.copyfileobj(source, file, CHUNK_BYTES)
    except BaseException:
        os.unlink(name)
        raise
    return Path(name)


def compression(start: bytes) -> str | None:
    """How a file is compressed that begins so; None if it is not."""
    return next((how for mark, how in COMPRESSED.items() if start.startswith(mark)), None)


@contextmanager
def opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    """A file's bytes, uncompressed as they are read.

    Raises
    ------
    InputError
        If it is not there or cannot be read, or is compressed and damaged or not one file.
    """
    how = None
    try:
        with open(path, "rb") as file:
            how = compression(file.read(8))
            file.seek(0)
            if how == "gzip":
                with gzip.open(file) as inner:
                    yield inner  # type: ignore[misc]
            elif how == "bzip2":
                with bz2.open(file) as inner:
                    yield inner  # type: ignore[misc]
            elif how == "xz":
                with lzma.open(file) as inner:
                    yield inner  # type: ignore[misc]
            elif how == "zstd":
                with _of_zstd(file) as inner:
                    yield inner
            elif how == "zip":
                with zipfile.ZipFile(file) as archive, archive.open(_single(archive, name)) as one:
                    yield one
            else:
                yield file
    except FileNotFoundError as error:
        raise InputError(f"{name}: no such file; expected a CSV or Parquet file") from error
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError) as error:
        if isinstance(error, InputError):
            raise
        if how is None:
            raise InputError(
                f"{name} cannot be read ({error.strerror or error}); expected a CSV or Parquet "  # type: ignore[union-attr]
                "file"
            ) from error
        raise InputError(f"{name} is a damaged or cut {how} file ({error})") from error


@contextmanager
def _of_zstd(file: IO[bytes]) -> Iterator[IO[bytes]]:
    zstd = _zstd()
    try:
        with zstd.open(file) as inner:
            yield inner
    except zstd.ZstdError as error:
        raise EOFError(str(error)) from error


def _zstd() -> Any:
    """What reads zstd: the standard library's module, where it has none yet its backport."""
    if sys.version_info >= (3, 14):
        return import_module("compression.zstd")
    from backports import zstd

    return zstd


def _single(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    # the Finder of macOS puts folders of its own beside what was chosen
    members = [
        each for each in archive.infolist()
        if not each.is_dir() and not each.filename.startswith("__MACOSX/")
    ]  # fmt: skip
    if len(members) != 1:
        raise InputError(f"{name} is a zip file of {len(members)} files; expected one of one table")
    if members[0].flag_bits & 1:
        raise InputError(f"{name} is a zip file with a password; expected one without")
    return members[0]


def utf8_chunks(file: IO[bytes], encoding: str, line_end: str, name: str) -> Iterator[bytes]:
    """What a file holds as UTF-8 with lines that end in \\n or \\r\\n, piece by piece.

    Raises
    ------
    InputError
        If something is not of the encoding, or there is a zero byte; with the line.
    """
    decoder = Decoder(encoding, line_end, name)
    while chunk := file.read(CHUNK_BYTES):
        yield decoder.take(chunk)
    yield decoder.take(b"", final=True)
