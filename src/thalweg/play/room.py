"""What the windows of a page have open."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from thalweg.core import InputError
from thalweg.play.chains import Chains
from thalweg.play.stage import People, Stage

UNSEEN = 90.0
"""Seconds without a sign of a window after which it is taken for closed; hidden ones give one a
minute"""

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


class Open(NamedTuple):
    """One side of a window."""

    stage: Stage
    chains: list[Chains]
    """the last one runs; a list, for it is exchanged"""
    pace: Pace


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
        """A window asked something: it is open; others may have been closed without a word."""
        now = time.monotonic()
        with self._lock:
            self._signs[window] = now
            gone = [each for each, seen in self._signs.items() if now - seen > self.unseen]
        for each in gone:
            self.close(each)

    def close(self, window: str) -> None:
        """End the work of a window."""
        with self._lock:
            self._signs.pop(window, None)
            ended = [self._open.pop((window, side), None) for side in SIDES]
        for each in ended:
            if each is not None:
                each.stage.end()

    def close_all(self) -> None:
        for window in {window for window, _ in list(self._open)}:
            self.close(window)

    @property
    def stages(self) -> list[Stage]:
        with self._lock:
            return [each.stage for each in self._open.values()]

    def put(self, window: str, side: str, stage: Stage) -> None:
        """Open a stage, in the place of the one that was there."""
        with self._lock:
            former = self._open.get((window, side))
            others = {each for each, _ in self._open} | {window}
            if len(others) > WINDOWS:
                stage.go(False)
            else:
                self._open[window, side] = Open(stage, [], Pace())
        if len(others) > WINDOWS:
            stage.end()
            raise InputError(f"{WINDOWS} windows are open; expected one of them to be closed")
        if former is not None:
            former.stage.end()

    def at(self, window: str, asked: Mapping[str, Any]) -> Open:
        with self._lock:
            found = self._open.get((window, str(asked.get("side"))))
        if found is None:
            raise InputError("this window was taken for closed; expected it to be opened again")
        return found
