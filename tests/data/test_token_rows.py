"""Tokens come back from the disk as they went there, however many a vocabulary has."""

import numpy as np
import pytest

from thalweg.data import TokenRows, as_texts


class Numbers:
    """A vocabulary of so many tokens, whose texts are their numbers."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def encode(self, texts):
        return [np.array([int(part) for part in text.split()], np.int64) for text in texts]


@pytest.mark.parametrize("size", [2**15 - 1, 2**15, 2**15 + 1, 2**16, 2**16 + 1, 250_000])
def test_the_last_token_of_a_vocabulary_is_kept(size):
    first = f"{size - 1} 0 {size - 2}"
    rows = TokenRows(as_texts([first, str(size - 1)]), Numbers(size), longest=2)
    assert rows.text.tolist() == [0, 0, 1]
    assert rows.n_split == 1
    found = rows.take(np.array([2, 1, 0]))
    assert found.tolist() == [[size - 1, -2], [0, size - 2], [size - 1, -2]]
