"""Rows of a sparse matrix, whose entries that are not stored are 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thalweg.data.rows import Rows


class SparseRows(Rows):
    """A matrix of scipy (n, d) in compressed rows, float32 or float64.

    It is made dense chunk by chunk, so that what looks at chunks, or takes a few rows, sees what it
    would see of the dense array and holds ``chunk_bytes`` of it at a time.

    Parameters
    ----------
    matrix : csr_array or csr_matrix
    """

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def values(self) -> NDArray[np.floating]:
        """The whole as a dense array, made anew each time: for what needs all rows at once."""
        return np.asarray(self.matrix.toarray())

    @property
    def n_columns(self) -> int:
        return int(self.matrix.shape[1])

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.matrix.dtype)

    @property
    def on_disk(self) -> bool:
        return False

    @property
    def is_array(self) -> bool:
        return False

    def chunks(self) -> Iterator[tuple[int, NDArray[np.floating]]]:
        """Consecutive blocks of rows, dense, each with the position of its first row."""
        size = self.chunk_rows
        for start in range(0, len(self), size):
            yield start, self.matrix[start : start + size].toarray()

    def some(self, index: NDArray[np.integer]) -> Rows:
        """Those of the rows, in the order asked for, not made dense."""
        return SparseRows(self.matrix[index])

    def take(self, index: NDArray[np.integer]) -> NDArray[np.floating]:
        """Some rows, dense, in the order asked for."""
        return np.asarray(self.matrix[index].toarray())

    def between(self, start: int, stop: int) -> SparseRows:
        """A range of rows."""
        return SparseRows(self.matrix[start:stop])
