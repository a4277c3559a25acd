"""A playground in the browser: energies of the plane that one can touch while they are trained."""

from thalweg.play.room import Room
from thalweg.play.run import play
from thalweg.play.server import PlayServer

__all__ = ["PlayServer", "Room", "play"]
