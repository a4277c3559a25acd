"""A playground in the browser: energies of the plane that one can touch while they are trained."""

from thalweg.play.recording import write_recorded
from thalweg.play.run import play

__all__ = ["play", "write_recorded"]
