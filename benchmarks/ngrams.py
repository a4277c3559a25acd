"""n-gram models of tokens, for comparison: what the words before one say of it."""

import numpy as np

DISCOUNT = 0.75


class KneserNey:
    """Interpolated Kneser-Ney over the last ``order - 1`` tokens of a text.

    Order 1 is the unigram. References: Kneser, Ney, "Improved backing-off for m-gram language
    modeling" (1995); Chen, Goodman, "An empirical study of smoothing techniques" (1999), 4.1.6.
    """

    def __init__(self, texts, vocabulary_size, order):
        self.order, self.size = order, vocabulary_size
        start = np.full(order - 1, vocabulary_size, np.int64)
        joined = [np.concatenate([start, text]) for text in texts]
        grams = np.concatenate([
            np.lib.stride_tricks.sliding_window_view(text, order)
            for text in joined if len(text) >= order
        ])  # fmt: skip
        self.tables = []
        for length in range(order, 0, -1):
            # of lower orders, in how many places a token is new, not how often it comes
            kinds, counts = np.unique(grams, axis=0, return_counts=True)
            if length == 1:
                base = np.zeros(vocabulary_size)
                np.add.at(base, kinds[:, -1], counts)
                # every token that was never seen has a share too
                self.base = (base + 1) / (base + 1).sum()
            else:
                self.tables.append(self._by_context(kinds, counts))
            grams = kinds[:, 1:]

    @staticmethod
    def _by_context(kinds, counts):
        change = np.flatnonzero((np.diff(kinds[:, :-1], axis=0) != 0).any(axis=1)) + 1
        begins = np.concatenate([[0], change])
        ends = np.concatenate([change, [len(kinds)]])
        return {
            tuple(kinds[a, :-1].tolist()): (kinds[a:b, -1], counts[a:b])
            for a, b in zip(begins.tolist(), ends.tolist(), strict=True)
        }

    def __call__(self, before):
        """p of every token after those before it: (V,)."""
        likely = self.base
        context = [self.size] * (self.order - 1) + list(before)
        for table, length in zip(self.tables[::-1], range(1, self.order), strict=True):
            seen = table.get(tuple(int(t) for t in context[-length:]))
            if seen is None:
                break
            tokens, counts = seen
            total = counts.sum()
            likely = likely * (DISCOUNT * len(tokens) / total)
            likely[tokens] += np.maximum(counts - DISCOUNT, 0) / total
        return likely
