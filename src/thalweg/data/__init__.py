"""Data: rows in memory or on disk, tables, images, clips, texts, sets with a known answer."""

from thalweg.data.batches import (
    Shuffled,
    batches,
    batches_in_order,
    random_positions,
    steps_of,
)
from thalweg.data.clips import ClipsLike, Windows
from thalweg.data.crops import Crops
from thalweg.data.image_files import ImageFiles
from thalweg.data.image_reading import ImagesLike, as_images, read_idx
from thalweg.data.images import CoveredImages, ImageArray, Images, pixel_units
from thalweg.data.moving import (
    PassingBehind,
    TurningDigits,
    moving_digits,
    passing_behind,
    turning_digits,
)
from thalweg.data.panning import Panning, panning
from thalweg.data.pictures import Picture, PicturesLike, pictures_of
from thalweg.data.rows import Rows
from thalweg.data.source import Source, Summary
from thalweg.data.sparse_rows import SparseRows
from thalweg.data.texts import TextFiles, Texts, TextsLike, as_texts
from thalweg.data.token_rows import TokenRows
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
from thalweg.data.video_files import as_clips, read_clip
from thalweg.data.vocabulary import MASK, Marks, Vocabulary

__all__ = [
    "MASK",
    "PLANE",
    "ClipsLike",
    "CoveredImages",
    "Crops",
    "ImageArray",
    "ImageFiles",
    "Images",
    "ImagesLike",
    "Marks",
    "Panning",
    "PassingBehind",
    "Picture",
    "PicturesLike",
    "Rows",
    "Shuffled",
    "Source",
    "SparseRows",
    "Summary",
    "TextFiles",
    "Texts",
    "TextsLike",
    "TokenRows",
    "TurningDigits",
    "Vocabulary",
    "Windows",
    "as_clips",
    "as_images",
    "as_texts",
    "batches",
    "batches_in_order",
    "checkerboard",
    "eight_gaussians",
    "moving_digits",
    "panning",
    "passing_behind",
    "pictures_of",
    "pinwheel",
    "pixel_units",
    "random_positions",
    "read_clip",
    "read_idx",
    "rings",
    "spiral",
    "steps_of",
    "turning_digits",
    "two_moons",
    "two_spirals",
]
