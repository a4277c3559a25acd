"""A piece of a CSV file as bytes, looked at all at once rather than cell by cell."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

NEWLINE, RETURN = 10, 13

SCANNED_BYTES = 1_048_576
"""At a time, so that what is found in between stays in the processor's cache"""


class Block:
    """Whole records and maybe the beginning of one more.

    Parameters
    ----------
    data : bytes
        From the beginning of a record on.
    separator : int
        A byte.
    quote : int, optional
        A byte; None where there is none.
    """

    def __init__(self, data: bytes, separator: int, quote: int | None) -> None:
        self.data, self.separator, self.quote = data, separator, quote
        self.array: NDArray[np.uint8] = np.frombuffer(data, np.uint8)

    @cached_property
    def quotes(self) -> NDArray[np.intp]:
        """Where quotes are: the first opens, the second closes, and so on."""
        if self.quote is None or self.data.find(self.quote) < 0:
            return np.empty(0, np.intp)
        return _places(self.array, self.quote)

    @property
    def is_regular(self) -> bool:
        """Whether quotes open and close cells or are doubled, and nothing else."""
        opening, closing = self.quotes[::2], self.quotes[1::2]
        if not opening.size:
            return True
        inside = opening[opening > 0] - 1
        after = closing[closing < len(self.array) - 1] + 1
        return self._are(inside, self.separator, NEWLINE, self.quote) and self._are(
            after, self.separator, NEWLINE, RETURN, self.quote
        )

    def _are(self, places: NDArray[np.intp], *known: int | None) -> bool:
        found = self.array[places]
        allowed = np.zeros(256, bool)
        allowed[[each for each in known if each is not None]] = True
        return bool(allowed[found].all())

    @property
    def end(self) -> int:
        """Where the last whole record ends."""
        if not self.quotes.size:
            return self.data.rfind(b"\n") + 1
        at = len(self.data)
        while (at := self.data.rfind(b"\n", 0, at)) >= 0:
            before = int(np.searchsorted(self.quotes, at))
            if before % 2 == 0:
                return at + 1
            # inside of a cell: on before the quote that opens it
            at = int(self.quotes[before - 1])
        return 0

    def is_even(self, n_columns: int) -> bool:
        """Whether each line has as many cells as there are columns, and none is blank."""
        if n_columns == 1 and (
            self.data.startswith((b"\n", b"\r\n")) or b"\n\n" in self.data or b"\n\r\n" in self.data
        ):
            return False
        ends = self._outside(NEWLINE)
        separators = self._outside(self.separator)
        if len(separators) != len(ends) * (n_columns - 1):
            return False
        if n_columns == 1:
            return True
        each = separators.reshape(len(ends), n_columns - 1)
        return bool((each[:, -1] < ends).all() and (each[1:, 0] > ends[:-1]).all())

    def _outside(self, byte: int) -> NDArray[np.intp]:
        """Where a byte is that is in no quoted cell."""
        places = _places(self.array, byte)
        if not self.quotes.size:
            return places
        return places[np.searchsorted(self.quotes, places) % 2 == 0]


def _places(array: NDArray[np.uint8], byte: int) -> NDArray[np.intp]:
    found = [
        np.flatnonzero(array[start : start + SCANNED_BYTES] == byte) + start
        for start in range(0, len(array), SCANNED_BYTES)
    ]
    return np.concatenate(found) if found else np.empty(0, np.intp)
