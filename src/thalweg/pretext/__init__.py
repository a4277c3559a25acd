"""What is hidden or spoiled, for a model to bring back."""

from thalweg.pretext.base import Corrupted, Corruption, Hiding
from thalweg.pretext.columns import MaskedColumns
from thalweg.pretext.combined import AnyOf, Shaped
from thalweg.pretext.masks import Future, Masked, Occluded
from thalweg.pretext.noise import AddedNoise, MaskingNoise, SaltAndPepper
from thalweg.pretext.tokens import Disguised, MaskedWords
from thalweg.pretext.views import ByFunction, Cropped, InUnits, Moved, View

__all__ = [
    "AddedNoise",
    "AnyOf",
    "ByFunction",
    "Corrupted",
    "Corruption",
    "Cropped",
    "Disguised",
    "Future",
    "Hiding",
    "InUnits",
    "Masked",
    "MaskedColumns",
    "MaskedWords",
    "MaskingNoise",
    "Moved",
    "Occluded",
    "SaltAndPepper",
    "Shaped",
    "View",
]
