"""What is hidden or spoiled, for a model to bring back."""

from thalweg.pretext.base import HIDDEN_TOKEN, Corrupted, Corruption, Hiding, visible
from thalweg.pretext.combined import AnyOf, Shaped
from thalweg.pretext.masks import Future, Masked, Occluded
from thalweg.pretext.noise import AddedNoise, MaskingNoise, SaltAndPepper
from thalweg.pretext.views import Cropped

__all__ = [
    "HIDDEN_TOKEN",
    "AddedNoise",
    "AnyOf",
    "Corrupted",
    "Corruption",
    "Cropped",
    "Future",
    "Hiding",
    "Masked",
    "MaskingNoise",
    "Occluded",
    "SaltAndPepper",
    "Shaped",
    "visible",
]
