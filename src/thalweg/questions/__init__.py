"""What a person asks of an energy; the same for every energy."""

from thalweg.questions.by_scales import draw_by_scales, scales_between
from thalweg.questions.coarse_to_fine import coarse_to_fine
from thalweg.questions.compiled import Compiled
from thalweg.questions.complete import complete
from thalweg.questions.descent import descend
from thalweg.questions.draws import draw_fillings
from thalweg.questions.expect import expect
from thalweg.questions.explain import explain, usual
from thalweg.questions.fill import Fillings, fill
from thalweg.questions.gibbs_tokens import draw_tokens
from thalweg.questions.landscape import Landscape, Plane, landscape, plane_of
from thalweg.questions.log_normalizer import log_normalizer
from thalweg.questions.predict import Predictions, predict
from thalweg.questions.project import project
from thalweg.questions.sample import sample

__all__ = [
    "Compiled",
    "Fillings",
    "Landscape",
    "Plane",
    "Predictions",
    "coarse_to_fine",
    "complete",
    "descend",
    "draw_by_scales",
    "draw_fillings",
    "draw_tokens",
    "expect",
    "explain",
    "fill",
    "landscape",
    "log_normalizer",
    "plane_of",
    "predict",
    "project",
    "sample",
    "scales_between",
    "usual",
]
