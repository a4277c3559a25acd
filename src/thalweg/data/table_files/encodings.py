"""Text in whatever encoding, as UTF-8."""

from __future__ import annotations

import codecs

import numpy as np

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

COUNTED_BYTES = 262_144
"""At a time, so that what is found in between stays in the processor's cache"""


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
    import chardet  # slow to import

    found = chardet.detect_all(
        data, ignore_threshold=True, encoding_era=chardet.EncodingEra.MODERN_WEB,
        prefer_superset=True, max_bytes=GUESSED_BYTES,
    )  # fmt: skip
    likely = {
        (each["encoding"] or USUAL).lower(): float(each["confidence"])
        for each in reversed(found) if each["encoding"] not in ("utf-8", "ascii")
    }  # fmt: skip
    best = max(likely, key=lambda name: likely[name], default=USUAL)
    other = likely.get(best, 0.0) >= max(AT_LEAST, CLEARLY * likely.get(USUAL, 0.0))
    return best if other else USUAL


def around(data: bytes, at: int) -> bytes:
    """What an encoding is guessed from: bytes from a little before the first that tells."""
    return data[max(0, at - 1000) : at + GUESSED_BYTES]


class Decoder:
    """Turns a file's text into UTF-8 with lines that end in \\n or \\r\\n, piece by piece.

    Parameters
    ----------
    encoding : str
        ``"ascii"`` is UTF-8, or where the first other byte is none, what is guessed.
    line_end : str
        What ends lines.
    name : str
        For messages.
    """

    def __init__(self, encoding: str, line_end: str, name: str) -> None:
        self.line_end, self.name = line_end, name
        self._lines = 1
        self._begun = False
        self._open = codecs.lookup(encoding).name == "ascii"
        self._become("utf-8" if self._open else encoding)

    def _become(self, encoding: str) -> None:
        self._encoding = encoding
        self._simple = codecs.lookup(encoding).name == "utf-8"
        self._decoder = codecs.getincrementaldecoder(encoding)()

    def take(self, chunk: bytes, final: bool = False) -> bytes:
        """The next piece, as UTF-8.

        Raises
        ------
        InputError
            If bytes are not of the encoding, or there is a zero byte; with the line.
        """
        plain = chunk.isascii()
        if self._open and not plain:
            self._open = False
            self._decide(chunk)
        # nothing to do, and nothing left from before
        if not (plain and self._simple and self._begun and not self._decoder.getstate()[0]):
            chunk = self._decoded(chunk, final)
        if self.line_end == "\r":
            chunk = chunk.replace(b"\r", b"\n")
        at = chunk.find(b"\0")
        if at >= 0:
            raise zero_byte(self.name, self._lines + count_lines(chunk[:at]))
        self._lines += count_lines(chunk)
        return chunk

    def _decide(self, chunk: bytes) -> None:
        """What the first bytes beyond ASCII are."""
        try:
            codecs.getincrementaldecoder("utf-8")().decode(chunk)
        except UnicodeDecodeError as error:
            if chunk[: error.start].isascii():
                self._become(guessed(around(chunk, error.start)))

    def _decoded(self, chunk: bytes, final: bool) -> bytes:
        try:
            text = self._decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(self._encoding, "ignore")
            raise InputError(
                f"{self.name}: line {self._lines + before.count(self.line_end)}: byte "
                f"{error.object[error.start]:#04x} is not {self._encoding.upper()} text; expected "
                "a CSV file of one encoding, which can be said"
            ) from error
        if text and not self._begun:
            text, self._begun = text.removeprefix("\ufeff"), True
        return text.encode()


def zero_byte(name: str, line: int) -> InputError:
    """What is said of a zero byte, which no text has."""
    return InputError(
        f"{name}: line {line} has a zero byte, as binary files have; expected a CSV file of text"
    )


def count_lines(text: bytes) -> int:
    """Ends of lines: a few times faster than ``bytes.count`` where lines are short."""
    array = np.frombuffer(text, np.uint8)
    return sum(
        int(np.count_nonzero(array[start : start + COUNTED_BYTES] == ord("\n")))
        for start in range(0, len(array), COUNTED_BYTES)
    )
