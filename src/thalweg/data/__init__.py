"""Data: rows in memory or on disk, tables, and made-up sets with a known answer."""

from thalweg.data.rows import Rows
from thalweg.data.toy import spiral

__all__ = ["Rows", "spiral"]
