"""What the entries of a row of a table are: numbers, and words as blocks of indicators."""

from __future__ import annotations

from typing import NamedTuple


class Layout(NamedTuple):
    """How a row of numbers is made of the columns of a table.

    A word is a block of entries, one for each word that there may be: 1 for the one that is there,
    0 for the others, and all NaN where it is hidden. All other entries are numbers.
    """

    width: int
    """entries of a row"""
    words: tuple[tuple[int, int], ...] = ()
    """where the block of each word starts, and where it stops; in order, apart from one another"""

    @property
    def numbers(self) -> list[int]:
        """Positions of the entries that are numbers."""
        blocks = {at for start, stop in self.words for at in range(start, stop)}
        return [at for at in range(self.width) if at not in blocks]
