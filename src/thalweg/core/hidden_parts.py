"""Which entries of a row are hidden together."""

from torch import Tensor

Part = slice | Tensor
"""Entries of a row that go together, such as those of a word: a range, or their places"""
