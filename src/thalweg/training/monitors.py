"""What goes wrong in contrastive training, said while it does."""

from __future__ import annotations

import warnings

from thalweg.training.history import History

WINDOW = 200
"""Steps that are looked at together."""

STUCK = 0.1
"""Share of accepted moves below which chains no longer mix."""

RUNAWAY = 25.0
"""Gap, in units of energy, that no trained model has for so long."""


class TrainingWarning(UserWarning):
    """Training goes on, and its result may be of little use."""


class Watch:
    """Looks at the monitors every 200 steps, and warns once of each trouble.

    The gap between negatives and data hovers around 0 where chains follow the model. Where it runs
    away the energy digs holes that chains do not find, or that they never leave.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._said: set[str] = set()

    def __call__(self, history: History) -> None:
        if len(history) % WINDOW or len(history) < WINDOW:
            return
        moved = history.recent("acceptance", WINDOW)
        if moved is None:
            # only chains make gaps that should stay small
            return
        if float(moved.mean()) < STUCK:
            self._warn(
                "stuck",
                f"chains accept {float(moved.mean()):.0%} of their moves over the last {WINDOW} of "
                f"{len(history)} steps and no longer mix; a smaller step size of the sampler helps",
            )
        gap = history.recent("gap", WINDOW)
        if gap is not None and float(gap.mean().abs()) > RUNAWAY:
            self._warn(
                "gap",
                f"the gap between the energies of negatives and data is {float(gap.mean()):.1f} on "
                f"average over the last {WINDOW} of {len(history)} steps and runs away; a smaller "
                "learning rate, more steps of the chains, regularization above 0 or an objective "
                "without chains help",
            )

    def _warn(self, kind: str, message: str) -> None:
        if kind not in self._said:
            self._said.add(kind)
            warnings.warn(f"{self.title}: {message}", TrainingWarning, stacklevel=2)
