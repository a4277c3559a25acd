"""Texts as rows of tokens, spooled to disk."""

from __future__ import annotations

import hashlib
import tempfile
from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from thalweg.core import BEYOND_TOKEN
from thalweg.data.source import Source
from thalweg.data.texts import Texts
from thalweg.data.vocabulary import Vocabulary

TEXTS_AT_A_TIME = 5000

LONGEST_SLICE = 500_000
"""Characters that are made tokens of in one go, about; longer texts are cut at a space"""


class TokenRows(Source):
    """Rows of tokens of different lengths, filled up with ``BEYOND_TOKEN`` when they are taken.

    Parameters
    ----------
    texts : Texts
        Gone through once.
    vocabulary : Vocabulary
    longest : int
        Tokens of a row; a longer text becomes several rows.
    keep_empty : bool, default False
        Whether texts without a token are rows too.

    Attributes
    ----------
    text : array of int (n,)
        Which text each row is of.
    n_texts : int
    n_split : int
        How many of them became several rows.
    """

    def __init__(
        self, texts: Texts, vocabulary: Vocabulary, longest: int, keep_empty: bool = False
    ) -> None:
        # of a large corpus there are many: plain numbers, not objects
        lengths, owners = array("q"), array("q")
        self.n_texts = self.n_split = 0
        kind = np.dtype(np.int16 if len(vocabulary) < 2**15 else np.int32)
        with tempfile.TemporaryFile() as file:
            for group in _groups(texts):
                for tokens in _tokens_of(group, vocabulary):
                    if len(tokens) or keep_empty:
                        sizes = _sizes(len(tokens), longest)
                        lengths.extend(sizes)
                        owners.extend([self.n_texts] * len(sizes))
                        self.n_split += len(sizes) > 1
                        file.write(tokens.astype(kind).tobytes())
                    self.n_texts += 1
            file.flush()
            self._ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
            total = int(self._ends[-1])
            # an empty file cannot be mapped
            self._tokens: NDArray[np.integer] = (
                np.memmap(file, kind, "r", shape=(total,)) if total else np.empty(0, kind)
            )
        self.text = np.array(owners, np.int64)
        self.lengths = np.array(lengths, np.int64)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def n_columns(self) -> int:
        return int(self.lengths.max(initial=1))

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.int64)

    def take(self, index: NDArray[np.integer]) -> NDArray[np.int64]:  # type: ignore[override]
        lengths = self.lengths[index]
        place = np.arange(lengths.max(initial=1))
        there = place < lengths[:, None]
        rows = np.full(there.shape, BEYOND_TOKEN, np.int64)
        rows[there] = self._tokens[(self._ends[index][:, None] + place)[there]]
        return rows

    def fingerprint(self) -> str:
        found = hashlib.sha256(self._ends.tobytes())
        for start in range(0, len(self._tokens), 2**20):
            found.update(self._tokens[start : start + 2**20].tobytes())
        return found.hexdigest()[:16]


def _groups(texts: Texts) -> Iterator[list[str]]:
    """Some texts at a time: many short ones, few long ones."""
    group: list[str] = []
    characters = 0
    for text in texts:
        group.append(text)
        characters += len(text)
        if len(group) == TEXTS_AT_A_TIME or characters > LONGEST_SLICE:
            yield group
            group, characters = [], 0
    if group:
        yield group


def _tokens_of(texts: list[str], vocabulary: Vocabulary) -> Iterator[NDArray[np.int64]]:
    """The tokens of each text; of a long one in slices, for a tokenizer needs much memory."""
    if max(map(len, texts)) <= LONGEST_SLICE:
        yield from vocabulary.encode(texts)
        return
    for text in texts:
        parts = [vocabulary.encode([part])[0] for part in _slices(text)]
        yield np.concatenate(parts)


def _slices(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > LONGEST_SLICE:
        end = text.rfind(" ", start + 1, start + LONGEST_SLICE)
        end = start + LONGEST_SLICE if end < 0 else end
        yield text[start:end]
        start = end
    yield text[start:]


def _sizes(length: int, longest: int) -> list[int]:
    """How long the rows of a text are, as equal as can be."""
    pieces = max(1, -(-length // longest))
    return [length * (i + 1) // pieces - length * i // pieces for i in range(pieces)]
