"""An energy that is trained while it is looked at."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from thalweg.core import Energy, InputError
from thalweg.play.methods import method
from thalweg.play.moment import Curves, Moment, seen
from thalweg.play.scenes import Scene
from thalweg.training import History, Run

PICTURES = 0.04
"""Seconds between two states of training that can be looked at"""

ROUND = 0.15
"""Seconds that a round of a closed form is looked at"""

PATIENCE = 0.2
"""Seconds that a step waits, at most, for those who ask"""

READY = 60.0
"""Seconds until the first picture, at most"""


class People:
    """Who asks something goes first: the next step of training waits until they have it."""

    def __init__(self) -> None:
        self._asking = 0
        self._changed = threading.Condition()

    @contextmanager
    def asking(self) -> Iterator[None]:
        with self._changed:
            self._asking += 1
        try:
            yield
        finally:
            with self._changed:
                self._asking -= 1
                self._changed.notify_all()

    def let_through(self) -> None:
        """Wait for them, but not for ever."""
        with self._changed:
            self._changed.wait_for(lambda: not self._asking, PATIENCE)


class Stage:
    """One energy, its data, and the thread that trains it.

    The thread takes the first step or round at once, so that there is something to look at, and
    then waits to be told to go on. What is looked at is a copy, made between two steps: nobody who
    looks waits for a step, and no step waits for the picture of it.

    Parameters
    ----------
    scene : Scene
    word : str
        A method's.
    turned : mapping
        Its knobs.
    seed : int
    people : People
    """

    def __init__(
        self, scene: Scene, word: str, turned: Mapping[str, Any], seed: int, people: People
    ) -> None:
        self.scene, self.word, self.turned, self.seed = scene, word, dict(turned), seed
        self.method, self.people = method(word), people
        self.method.settings(turned)
        self.curves = Curves(scene)
        self.error: str | None = None
        self.done = False
        self._now: Moment | None = None
        self._going = self._ended = False
        self._changed = threading.Condition()
        self._last = 0.0
        self._thread = threading.Thread(target=self._work, name=f"play-{word}", daemon=True)
        self._thread.start()

    def go(self, on: bool) -> None:
        """Train, or pause."""
        with self._changed:
            self._going = on
            self._changed.notify_all()

    @property
    def training(self) -> bool:
        return self._going and not self.done and self.error is None

    def end(self) -> None:
        """Stop for good: after the step, the round or the fit that goes on."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    def now(self, after: int = -1, patience: float = READY) -> Moment:
        """The last state; one later than version ``after`` if it comes in time.

        Raises
        ------
        InputError
            If training failed before there was anything to look at.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: (self._now is not None and self._now.version > after)
                or self.error is not None or self._ended or self.done,
                patience,
            )  # fmt: skip
            if self._now is None:
                raise InputError(self.error or "there is nothing to look at yet")
            return self._now

    def _work(self) -> None:
        try:
            self._learn()
        except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell it to
            with self._changed:
                self.error = f"{error}" if isinstance(error, InputError) else f"{error!r}"
                self._changed.notify_all()
        finally:
            with self._changed:
                self.done = True
                self._changed.notify_all()

    def _learn(self) -> None:
        rows = self.scene.rows
        data = (rows[:, :1], rows[:, 1]) if self.method.paired else (rows,)
        if self.method.rounds:
            self._in_rounds(data)
            return
        model = self.method.make(self.turned, self.seed)
        if not self.method.steps:
            model.fit(*data)
            self._show(1, model.energy_, model, None)
            return

        def watch(history: History, energy: Energy) -> bool:
            if len(history) == 1 or time.perf_counter() - self._last > PICTURES:
                self._show(len(history), energy, model, history)
            if not self._ended:
                self.people.let_through()
            return self._told_to_stop(lambda: self._catch_up(len(history), energy, model, history))

        model.fit(*data, run=Run(watch=watch))
        if not self._ended:
            self._show(len(model.history_), model.energy_, model, model.history_)

    def _in_rounds(self, data: tuple[torch.Tensor, ...]) -> None:
        """Fits of one round, of two, ...: each is what the next one begins with."""
        last = int(self.method.settings(self.turned)["max_iter"])
        for made in range(1, last + 1):
            model = self.method.make(self.turned, self.seed, max_iter=made).fit(*data)
            if made > 1 and model.n_iter_ < made:
                return
            self._show(made, model.energy_, model, None)
            with self._changed:
                self._changed.wait_for(lambda: self._ended, ROUND)
            if self._told_to_stop(lambda: None):
                return

    def _catch_up(self, step: int, energy: Energy, model: Any, history: History) -> None:
        """Show the state in which training pauses, if it is not shown."""
        if self._now is not None and self._now.step != step:
            self._show(step, energy, model, history)

    def _told_to_stop(self, pausing: Callable[[], None]) -> bool:
        if not self._going and not self._ended:
            pausing()
        with self._changed:
            self._changed.wait_for(lambda: self._going or self._ended)
            return self._ended

    def _show(self, step: int, energy: Energy, model: Any, history: History | None) -> None:
        version = 0 if self._now is None else self._now.version + 1
        moment = seen(version, step, energy, self.word, model, self.scene, self.curves, history)
        with self._changed:
            self._now = moment
            self._last = time.perf_counter()
            self._changed.notify_all()
