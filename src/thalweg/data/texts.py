"""Texts from whatever holds them, one after the other."""

from __future__ import annotations

import gzip
import io
import math
import os
import shutil
import sys
import tempfile
import weakref
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import polars as pl

from thalweg.core import InputError, columns_of
from thalweg.data.table_files.pandas_index import scan_parquet

TextsLike: TypeAlias = "Texts | Iterable[str] | os.PathLike[str]"
"""Texts, a list, an array or a series of them, or the path of a file or folder that has some"""

TEXT_ENDINGS = (".txt", ".text", ".md", ".rst", ".gz", ".parquet")
"""Files of a folder that are read"""

SLICE_ROWS = 16_384
"""Of a table, held in memory at a time"""

LONGEST_LINE = 64 * 2**20
"""Bytes of a line, which is held in memory whole"""

STANDARD_INPUT = Path("-")


class Texts(ABC):
    """Texts that can be gone through again and again; never all in memory where they are files."""

    @abstractmethod
    def __iter__(self) -> Iterator[str]: ...


class GivenTexts(Texts):
    """Texts that are in memory."""

    def __init__(self, texts: Iterable[Any]) -> None:
        self.texts = list(texts)
        for i, text in enumerate(self.texts):
            if not isinstance(text, str):
                kind = "missing" if _is_missing(text) else f"of type {type(text).__name__}"
                raise InputError(f"texts: number {i} is {kind}; expected a str")
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise InputError(
                    f"texts: number {i} has half a character at {error.start}, "
                    f"{text[error.start]!r}; expected text that can be written as UTF-8"
                ) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)


class TextFiles(Texts):
    """The texts of a file, of all files of a folder, or of standard input (``-``).

    Parameters
    ----------
    path : path
        Text (UTF-8), gzipped text, Parquet with a column ``text`` or only one of texts; of a
        folder all files that end in .txt, .text, .md, .rst, .gz or .parquet, in the order of their
        names.
    unit : {"line", "paragraph"}, default "line"
        What one text is in a file of text: a line, or the lines up to an empty one.
    """

    def __init__(self, path: str | os.PathLike[str], unit: str = "line") -> None:
        self.path, self.unit = Path(path), unit
        self._input: IO[bytes] | None = None
        if self.path == STANDARD_INPUT:
            # it can be read only once
            self._input = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the texts
            weakref.finalize(self, self._input.close)
            shutil.copyfileobj(sys.stdin.buffer, self._input)
            self.files = [self.path]
        elif self.path.is_dir():
            self.files = sorted(
                file for file in self.path.rglob("*")
                if file.is_file() and file.suffix.lower() in TEXT_ENDINGS
            )  # fmt: skip
            if not self.files:
                raise InputError(
                    f"{self.path}: no texts in this folder; expected files that end in "
                    f"{', '.join(TEXT_ENDINGS)}"
                )
        elif self.path.is_file():
            self.files = [self.path]
        else:
            raise InputError(f"{self.path}: no such file or folder; expected one with texts")

    def __iter__(self) -> Iterator[str]:
        for file in self.files:
            if file.suffix.lower() == ".parquet":
                yield from _of_parquet(file)
            else:
                lines = self._lines(file)
                yield from lines if self.unit == "line" else _paragraphs(lines)

    def _lines(self, path: Path) -> Iterator[str]:
        if self._input is not None:
            self._input.seek(0)
            yield from _decoded(self._input, "standard input")
            return
        with path.open("rb") as plain:
            zipped = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            if not zipped:
                yield from _decoded(plain, str(path))
                return
            try:
                with gzip.open(plain) as file:
                    yield from _decoded(file, str(path))
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise InputError(f"{path} is a damaged or cut gzip file ({error})") from error


def as_texts(given: TextsLike, unit: str = "line") -> Texts:
    """Texts from a list, an array or a series of strings, or from a path.

    Raises
    ------
    InputError
        If it is one string, which may be a text or a path, a data frame, has no order, or
        has something else than strings.
    """
    if isinstance(given, Texts):
        return given
    if isinstance(given, str):
        shown = given if len(given) <= 40 else given[:37] + "..."
        raise InputError(
            f"texts: got one str, {shown!r}; expected a list of texts, or a pathlib.Path of a file "
            "or folder"
        )
    if isinstance(given, os.PathLike):
        return TextFiles(given, unit)
    columns = columns_of(given)
    if columns is not None:
        raise InputError(
            f"texts: got a data frame with {len(columns)} columns, "
            f"{[name for name, _ in columns]}; expected one column alone (frame['its name'])"
        )
    no_texts = (Mapping, set, frozenset, bytes, bytearray, memoryview, io.IOBase)
    single = isinstance(given, np.ndarray) and given.ndim == 0
    if isinstance(given, no_texts) or not isinstance(given, Iterable) or single:
        raise InputError(
            f"texts: got {type(given).__name__}; expected a list of texts, or a pathlib.Path"
        )
    return GivenTexts(given)


def _is_missing(entry: Any) -> bool:
    """Whether an entry is what numpy, pandas or polars have where there is none."""
    not_a_number = isinstance(entry, float) and math.isnan(entry)
    pandas = sys.modules.get("pandas")
    missing = (None, np.ma.masked, *(() if pandas is None else (pandas.NA, pandas.NaT)))
    return not_a_number or any(entry is each for each in missing)


def _decoded(file: Any, name: str) -> Iterator[str]:
    """The lines of a file of UTF-8."""
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), start=1):
        if len(line) > LONGEST_LINE:
            raise InputError(
                f"{name}, line {number}: more than {LONGEST_LINE // 2**20} MiB without an end of "
                "line; expected shorter ones"
            )
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise InputError(
                f"{name}, line {number}: byte {line[error.start]:#04x} at position {error.start} "
                "is not UTF-8; expected text of that encoding"
            ) from error
        if "\0" in text:
            raise InputError(
                f"{name}, line {number}: a zero byte, as binary files have; expected text (UTF-8)"
            )
        yield text.rstrip("\r\n")


def _paragraphs(lines: Iterable[str]) -> Iterator[str]:
    """Lines up to an empty one, joined."""
    gathered: list[str] = []
    for line in lines:
        if line.strip():
            gathered.append(line.strip())
        elif gathered:
            yield " ".join(gathered)
            gathered = []
    if gathered:
        yield " ".join(gathered)


def _of_parquet(path: Path) -> Iterator[str]:
    try:
        table = scan_parquet(path)
        schema = table.collect_schema()
        names = [name for name, kind in schema.items() if kind == pl.String]
        if "text" in names:
            names = ["text"]
        if len(names) != 1:
            raise InputError(
                f"{path} has {len(names)} columns of texts and none is called 'text'; expected one "
                "of that name, or one column of texts"
            )
        rows = int(table.select(pl.len()).collect().item())
        for start in range(0, rows, SLICE_ROWS):
            part = table.select(names).slice(start, SLICE_ROWS).collect(engine="streaming")
            for text in part[names[0]]:
                yield "" if text is None else text
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path} is not a readable Parquet file ({error})") from error
