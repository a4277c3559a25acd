"""Text in whatever encoding, as UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

import chardet

from thalweg.core import InputError

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
"""Byte order marks; that of UTF-16 begins that of UTF-32, which stands before it"""

USUAL = "windows-1252"
"""What western spreadsheets write where it is not UTF-8; latin-1 is a part of it"""

CLEARLY, AT_LEAST = 2, 0.03
"""How many times likelier another encoding has to be, and how likely by itself"""

GUESSED_BYTES = 65_536


def marked(start: bytes) -> str | None:
    """The encoding that a byte order mark tells."""
    return next((name for mark, name in MARKS.items() if start.startswith(mark)), None)


def guessed(data: bytes) -> str:
    """The likeliest encoding of text that is not UTF-8.

    A table has few letters beyond ASCII, so that nearly every encoding is possible for a short one;
    it is the usual one unless another is clearly likelier.

    Examples
    --------
    >>> guessed("Straße;Köln".encode("latin-1"))
    'windows-1252'
    """
    found = chardet.detect_all(
        data, ignore_threshold=True, encoding_era=chardet.EncodingEra.MODERN_WEB,
        prefer_superset=True, max_bytes=GUESSED_BYTES,
    )  # fmt: skip
    likely = {
        (each["encoding"] or USUAL).lower(): float(each["confidence"])
        for each in reversed(found)
    }  # fmt: skip
    best = max(likely, key=lambda name: likely[name])
    other = likely[best] >= max(AT_LEAST, CLEARLY * likely.get(USUAL, 0.0))
    return best if other else USUAL


def around(data: bytes, at: int) -> bytes:
    """What an encoding is guessed from: bytes from a little before the first that tells."""
    return data[max(0, at - 1000) : at + GUESSED_BYTES]


def transcoded(chunks: Iterable[bytes], encoding: str, name: str) -> Iterator[bytes]:
    """Text of an encoding as UTF-8, without a byte order mark.

    Raises
    ------
    InputError
        If there are bytes that the encoding does not have; with the line.
    """
    text = _Decoded(encoding, name)
    for chunk in chunks:
        yield text.take(chunk)
    yield text.take(b"", final=True)


def checked(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Text that begins as ASCII: UTF-8, or where the first other byte is none, what is guessed.

    Raises
    ------
    InputError
        If there are bytes that are neither; with the line.
    """
    text = _Decoded("utf-8", name)
    plain = True
    for chunk in chunks:
        if plain and not chunk.isascii():
            plain = False
            try:
                codecs.getincrementaldecoder("utf-8")().decode(chunk)
            except UnicodeDecodeError as error:
                if chunk[: error.start].isascii():
                    text.become(guessed(around(chunk, error.start)))
        yield text.take(chunk)
    yield text.take(b"", final=True)


class _Decoded:
    """Decodes piece by piece and knows the line."""

    def __init__(self, encoding: str, name: str) -> None:
        self.name = name
        self.lines = 1
        self.begun = False
        self.become(encoding)

    def become(self, encoding: str) -> None:
        self.encoding = encoding
        self.simple = codecs.lookup(encoding).name == "utf-8"
        self.decoder = codecs.getincrementaldecoder(encoding)()

    def take(self, chunk: bytes, final: bool = False) -> bytes:
        # nothing to do, and nothing left from before
        if self.simple and self.begun and chunk.isascii() and not self.decoder.getstate()[0]:
            self.lines += chunk.count(b"\n")
            return chunk
        try:
            text = self.decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(self.encoding, "ignore")
            raise InputError(
                f"{self.name}: line {self.lines + before.count(chr(10))}: byte "
                f"{error.object[error.start]:#04x} is not {self.encoding.upper()} text; expected a "
                "CSV file of one encoding (which can be said)"
            ) from error
        if text and not self.begun:
            text, self.begun = text.removeprefix("\ufeff"), True
        self.lines += text.count("\n")
        return text.encode()
