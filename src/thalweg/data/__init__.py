"""Data: rows in memory or on disk, tables, and made-up sets with a known answer."""

from thalweg.data.batches import batches, random_positions, steps_of
from thalweg.data.rows import Rows, Summary
from thalweg.data.toy import spiral

__all__ = ["Rows", "Summary", "batches", "random_positions", "spiral", "steps_of"]
