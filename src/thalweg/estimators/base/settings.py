"""Parameters that many estimators share, each declared once."""

from __future__ import annotations

import numpy as np

from thalweg.core import Declared, Device, Integer, Real, Seed, parameter


class Computing(Declared):
    """Where to compute, and what to show of it."""

    device: str = parameter(
        "Where to compute: 'cpu', 'cuda', ...; auto is a GPU if there is one.",
        Device(),
        default="auto",
    )
    verbose: int = parameter("Above 0, a progress bar on standard error.", Integer(0), default=0)


class Seeded(Declared):
    """Whose fit is random."""

    random_state: int | np.random.RandomState | None = parameter(
        "Seed of all randomness.", Seed(), default=None
    )


class GradientSteps(Declared):
    """How training by gradient steps goes."""

    n_steps: int = parameter("Gradient steps, one batch each.", Integer(1), default=3000)
    batch_size: int = parameter("Rows a step.", Integer(1), default=128)
    learning_rate: float = parameter("Of Adam, at its highest.", Real(0, above=True), default=0.002)
