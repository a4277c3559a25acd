"""Whole words, runs of words, and hidden tokens in disguise."""

import numpy as np
import pytest
import torch

from thalweg.core import BEYOND_TOKEN, HIDDEN_TOKEN, InputError
from thalweg.pretext import Disguised, Masked, MaskedWords

# tokens 0-4 begin a word, 5-9 go on with one, 10 is a full stop that nothing goes on with
JOINS = np.array([False] * 5 + [True] * 5 + [False])
OPENS = np.array([True] * 10 + [False])


def _texts(n: int, length: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 11, (n, length), generator=generator)
    lengths = torch.randint(2, length + 1, (n, 1), generator=generator)
    return torch.where(torch.arange(length) < lengths, y, BEYOND_TOKEN)


def _words(y: torch.Tensor) -> list[list[list[int]]]:
    """The places of every word of every text, found token by token."""
    result = []
    for row in y.tolist():
        words: list[list[int]] = []
        for i, token in enumerate(row):
            if token == BEYOND_TOKEN:
                break
            if i > 0 and JOINS[token] and OPENS[row[i - 1]]:
                words[-1].append(i)
            else:
                words.append([i])
        result.append(words)
    return result


@pytest.mark.parametrize("run", [1.0, 3.0])
def test_words_go_whole(run):
    y = _texts(300, 20)
    spoiled = MaskedWords(0.3, JOINS, OPENS, run)(y, torch.Generator().manual_seed(1))
    for asked, words in zip(spoiled.asked, _words(y), strict=True):
        for word in words:
            assert asked[word].all() or not asked[word].any()
    assert torch.equal(spoiled.y, torch.where(spoiled.asked, HIDDEN_TOKEN, y))
    assert not spoiled.asked[y == BEYOND_TOKEN].any()


def test_a_word_goes_on_only_where_it_is_open():
    # token 1 goes on with a word, and token 0 is never open at its end: four words of one token
    hide = MaskedWords(0.5, np.array([False, True]), np.array([False, True]))
    y = torch.tensor([[0, 1, 0, 1]]).expand(200, 4)
    hidden = hide.hidden(y, torch.Generator().manual_seed(0))
    assert (hidden.sum(dim=1) == 2).all()
    assert len(hidden.unique(dim=0)) == 6


@pytest.mark.parametrize("run", [1.0, 3.0])
def test_as_many_tokens_go_as_the_share_says_and_the_rest_of_their_words(run):
    y = _texts(2000, 20)
    asked = MaskedWords(0.3, JOINS, OPENS, run)(y, torch.Generator().manual_seed(1)).asked
    for row, taken, words in zip(y, asked, _words(y), strict=True):
        wanted = max(1, round(0.3 * int((row >= 0).sum())))
        if taken.any():
            sizes = [len(word) for word in words if taken[word[0]]]
            # a run ends in the middle of one word at most; the last one begun may end in another
            assert wanted <= int(taken.sum()) < wanted + 2 * max(sizes)


def test_runs_have_the_length_that_was_asked_for():
    """Of single-token words, far from the ends: the mean of a geometric length, within its error.

    Runs next to each other look like one, so a tenth of the tokens is hidden in long texts, and the
    share of runs that touch another is allowed for by comparing with tokens hidden singly.
    """
    y = torch.zeros(400, 400, dtype=torch.long)
    asked = MaskedWords(0.02, JOINS, OPENS, 4.0)(y, torch.Generator().manual_seed(0)).asked
    starts = asked[:, 1:] & ~asked[:, :-1]
    lengths = asked[:, 1:].sum() / starts.sum()
    # the last run of each text is cut short: 8 tokens make about two runs
    single = MaskedWords(0.02, JOINS, OPENS)(y, torch.Generator().manual_seed(0)).asked
    alone = single[:, 1:].sum() / (single[:, 1:] & ~single[:, :-1]).sum()
    assert alone < 1.1
    assert 2.2 < lengths < 4.5


def test_every_word_is_as_likely_to_go():
    y = torch.tensor([[0, 5, 5, 1, 10, 2, 6, 3]])
    taken = torch.zeros(8)
    n = 4000
    generator = torch.Generator().manual_seed(0)
    hide = MaskedWords(0.25, JOINS, OPENS)
    for asked in hide(y.repeat(n, 1), generator).asked:
        taken += asked
    # two tokens are wanted: the first words of a random order that have them. Exact, by going
    # through all orders of the five words of 3, 1, 1, 2, 1 tokens
    import itertools

    sizes = [3, 1, 1, 2, 1]
    exact = np.zeros(5)
    orders = list(itertools.permutations(range(5)))
    for order in orders:
        left = 2
        for word in order:
            if left <= 0:
                break
            exact[word] += 1 / len(orders)
            left -= sizes[word]
    share = np.repeat(exact, sizes)
    error = np.sqrt(share * (1 - share) / n)
    assert (np.abs(taken.numpy() / n - share) < 4.5 * error).all()


def test_disguises_come_in_their_shares():
    y = _texts(3000, 20)
    hide = Disguised(Masked(0.3), np.arange(11))
    spoiled = hide(y, torch.Generator().manual_seed(0))
    asked = spoiled.asked
    n = int(asked.sum())
    shown, there = spoiled.y[asked], y[asked]
    masked = float((shown == HIDDEN_TOKEN).double().mean())
    same = float((shown == there).double().mean())
    # a swapped token is the same as before once in eleven times
    for found, expected in ((masked, 0.8), (same, 0.1 + 0.1 / 11)):
        assert abs(found - expected) < 4.5 * np.sqrt(expected * (1 - expected) / n)
    assert torch.equal(spoiled.y[~asked], y[~asked])


def test_what_is_kept_and_what_is_swapped_are_not_confused():
    y = _texts(500, 20)
    # tokens that no text has
    swapped = Disguised(Masked(0.3), np.array([99]), kept=0.0, swapped=0.5)
    spoiled = swapped(y, torch.Generator().manual_seed(0))
    assert set(spoiled.y[spoiled.asked].tolist()) == {HIDDEN_TOKEN, 99}
    kept = Disguised(Masked(0.3), np.array([99]), kept=0.5, swapped=0.0)
    assert not (kept(y, torch.Generator().manual_seed(0)).y == 99).any()


def test_bad_settings_are_named():
    with pytest.raises(InputError, match="run must be at least 1"):
        MaskedWords(0.3, JOINS, OPENS, 0.5)
    with pytest.raises(InputError, match="fraction must be above 0"):
        MaskedWords(1.0, JOINS, OPENS)
    with pytest.raises(InputError, match="less than 1 together"):
        Disguised(Masked(0.3), np.arange(3), 0.5, 0.5)
