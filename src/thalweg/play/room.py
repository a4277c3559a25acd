"""What the windows of a page have open."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from thalweg.core import InputError
from thalweg.play.chains import Chains
from thalweg.play.stage import People, Stage

UNSEEN = 150.0
"""Seconds without a sign of a window after which it is taken for closed; pages give one every 20,
and once a minute where a browser lets hidden ones do nothing more often"""

WINDOWS, SIDES = 16, ("left", "right")

SOON, COARSEST = 0.02, 24
"""Seconds that a picture may take while training goes on, and the points a side that it has at
least"""


class Pace:
    """How fine a picture may be that has to be there soon: as the last one took."""

    def __init__(self) -> None:
        self._seconds = 0.0
        """of a point"""

    def points(self, asked: int) -> int:
        """Points a side of the next picture, at most ``asked``."""
        if self._seconds * asked**2 <= SOON:
            return asked
        return max(COARSEST, min(asked, int((SOON / self._seconds) ** 0.5)))

    def took(self, seconds: float, points: int) -> None:
        self._seconds = seconds / points**2


class Open:
    """One side of a window.

    Parameters
    ----------
    stage : Stage
    number : int
        The page counts what it opens: of two requests that overtake each other the later one stays.
    """

    def __init__(self, stage: Stage, number: int) -> None:
        self.stage, self.number, self.pace = stage, number, Pace()
        self.chains: Chains | None = None
        self.walking = threading.Lock()


class Room:
    """All that is open, by window and side.

    Parameters
    ----------
    unseen : float
        Seconds without a sign after which a window is closed.
    """

    def __init__(self, unseen: float = UNSEEN) -> None:
        self.people, self.unseen = People(), unseen
        self._open: dict[tuple[str, str], Open] = {}
        self._signs: dict[str, float] = {}
        self._lock = threading.Lock()

    def sign(self, window: str) -> None:
        """A window asked something: it is open."""
        with self._lock:
            self._signs[window] = time.monotonic()

    def sweep(self) -> None:
        """Close windows that gave no sign for long: they may have gone without a word."""
        now = time.monotonic()
        with self._lock:
            gone = [each for each, seen in self._signs.items() if now - seen > self.unseen]
        for each in gone:
            self.close(each)

    def close(self, window: str, sides: Sequence[str] = SIDES) -> None:
        """End the work of a window, or of a side of it."""
        with self._lock:
            if len(sides) == len(SIDES):
                self._signs.pop(window, None)
            ended = [self._open.pop((window, side), None) for side in sides]
        for each in ended:
            if each is not None:
                each.stage.end()

    def close_all(self) -> None:
        """End all work, and wait until it has ended."""
        stages = self.stages
        for window in {window for window, _ in list(self._open)}:
            self.close(window)
        for stage in stages:
            stage.join()

    @property
    def stages(self) -> list[Stage]:
        with self._lock:
            return [each.stage for each in self._open.values()]

    def put(self, window: str, side: str, stage: Stage, number: int = 0) -> None:
        """Open a stage, in the place of the one that was there.

        Raises
        ------
        InputError
            If too many windows are open, or the page has opened something else meanwhile.
        """
        with self._lock:
            former = self._open.get((window, side))
            windows = {each for each, _ in self._open} | {window}
            late = former is not None and former.number > number
            refused = late or len(windows) > WINDOWS
            if not refused:
                self._open[window, side] = Open(stage, number)
        if refused:
            stage.end()
            raise InputError(
                "something else was opened here meanwhile" if late
                else f"{WINDOWS} windows are open; expected one of them to be closed"
            )  # fmt: skip
        if former is not None:
            former.stage.end()

    def at(self, window: str, asked: Mapping[str, Any]) -> Open:
        """What a window has open on a side."""
        with self._lock:
            found = self._open.get((window, str(asked.get("side"))))
        if found is None:
            raise InputError("nothing is open here any more; expected it to be opened again")
        return found
