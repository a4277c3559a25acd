"""Data: rows in memory or on disk, tables, and made-up sets with a known answer."""

from thalweg.data.batches import Shuffled, batches, random_positions, steps_of
from thalweg.data.rows import Rows, Summary, fingerprint
from thalweg.data.toy import (
    PLANE,
    checkerboard,
    eight_gaussians,
    pinwheel,
    rings,
    spiral,
    two_moons,
    two_spirals,
)

__all__ = [
    "PLANE",
    "Rows",
    "Shuffled",
    "Summary",
    "batches",
    "checkerboard",
    "eight_gaussians",
    "fingerprint",
    "pinwheel",
    "random_positions",
    "rings",
    "spiral",
    "steps_of",
    "two_moons",
    "two_spirals",
]
