"""Data: rows in memory or on disk, tables, images, and made-up sets with a known answer."""

from thalweg.data.batches import Shuffled, batches, random_positions, steps_of
from thalweg.data.image_files import ImageFiles
from thalweg.data.image_reading import ImagesLike, as_images, read_idx
from thalweg.data.images import CoveredImages, ImageArray, Images, pixel_units
from thalweg.data.rows import Rows
from thalweg.data.source import Source, Summary
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
    "CoveredImages",
    "ImageArray",
    "ImageFiles",
    "Images",
    "ImagesLike",
    "Rows",
    "Shuffled",
    "Source",
    "Summary",
    "as_images",
    "batches",
    "checkerboard",
    "eight_gaussians",
    "pinwheel",
    "pixel_units",
    "random_positions",
    "read_idx",
    "rings",
    "spiral",
    "steps_of",
    "two_moons",
    "two_spirals",
]
