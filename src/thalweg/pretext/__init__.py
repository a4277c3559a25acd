"""What is hidden or spoiled, for a model to bring back."""

from thalweg.pretext.base import Corrupted, Corruption
from thalweg.pretext.masks import MaskedEntries
from thalweg.pretext.noise import AddedNoise, MaskingNoise, SaltAndPepper

__all__ = [
    "AddedNoise",
    "Corrupted",
    "Corruption",
    "MaskedEntries",
    "MaskingNoise",
    "SaltAndPepper",
]
