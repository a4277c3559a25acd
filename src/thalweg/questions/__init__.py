"""What a person asks of an energy; the same for every energy."""

from thalweg.questions.compiled import Compiled
from thalweg.questions.complete import complete
from thalweg.questions.descent import descend
from thalweg.questions.expect import expect
from thalweg.questions.landscape import Landscape, Plane, landscape, plane_of
from thalweg.questions.project import project
from thalweg.questions.sample import sample

__all__ = [
    "Compiled",
    "Landscape",
    "Plane",
    "complete",
    "descend",
    "expect",
    "landscape",
    "plane_of",
    "project",
    "sample",
]
