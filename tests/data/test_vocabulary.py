"""Tokens: written and read back, words whatever the tokenizer, blanks filled in."""

import re

import numpy as np
import pytest
import tokenizers

from thalweg.core import BEYOND_TOKEN, HIDDEN_TOKEN, InputError
from thalweg.data import TokenRows, Vocabulary, as_texts

CORPUS = [
    "The river bends around the old mill, and the valley widens.",
    "Re-entering the valley, rivers bend; millers don't.",
    "Bending, widening, entering: the naïve café of 1999.",
] * 20


@pytest.fixture(scope="module")
def pairs() -> Vocabulary:
    return Vocabulary.train(CORPUS, 300)


@pytest.fixture(scope="module")
def pieces() -> Vocabulary:
    """Another kind: WordPiece, as BERT has it."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = tokenizers.decoders.WordPiece()
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=80, special_tokens=marks, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return Vocabulary(tokenizer)


def test_any_text_can_be_written_and_read_back(pairs):
    rng = np.random.default_rng(0)
    for _ in range(200):
        text = "".join(chr(c) for c in rng.choice([*range(33, 127), 228, 8364, 128512, 0x4E2D], 12))
        assert pairs.decode(pairs.encode([text])[0]) == text


def test_marks_are_no_tokens_of_a_text(pairs):
    (tokens,) = pairs.encode([CORPUS[0]])
    assert len(tokens) > 10
    assert not pairs.special[tokens].any()
    assert pairs.special[list(pairs.marks)].all()


def test_what_is_hidden_is_hidden(pairs):
    (tokens,) = pairs.encode(["The [MASK] bends [MASK]."])
    assert (tokens == HIDDEN_TOKEN).sum() == 2
    assert pairs.encode(["x"])[0].min() >= 0


@pytest.mark.parametrize("kind", ["pairs", "pieces"])
def test_words_are_those_of_the_text_whatever_the_tokenizer(kind, request):
    vocabulary = request.getfixturevalue(kind)
    for text in CORPUS[:3]:
        (tokens,) = vocabulary.encode([text])
        goes_on = vocabulary.joins[tokens][1:] & vocabulary.opens[tokens][:-1]
        starts = np.flatnonzero(~np.concatenate([[False], goes_on]))
        found = []
        for begin, end in zip(starts, [*starts[1:], len(tokens)], strict=True):
            words = re.findall(r"\w+", vocabulary.decode(tokens[begin:end]).replace(" ##", ""))
            assert len(words) <= 1
            found += words
        assert found == re.findall(r"\w+", text)
    # of tokenizers that keep words whole this would say nothing
    assert sum(map(len, vocabulary.encode(CORPUS[:3]))) > 45


@pytest.mark.parametrize("kind", ["pairs", "pieces"])
@pytest.mark.parametrize(
    "text",
    ["The [MASK] bends.", "[MASK] bends", "the vall[MASK], and", "([MASK])", "a [MASK][MASK]"],
)
def test_a_filled_text_keeps_what_is_visible(kind, text, request):
    vocabulary = request.getfixturevalue(kind)
    (tokens,) = vocabulary.encode([text])
    allowed = vocabulary.may_stand(text)
    assert allowed.shape == ((tokens == HIDDEN_TOKEN).sum(), len(vocabulary))
    pattern = ".*".join(re.escape(part) for part in text.split("[MASK]"))
    rng = np.random.default_rng(0)
    for _ in range(20):
        chosen = [int(rng.choice(np.flatnonzero(row))) for row in allowed]
        filled, pieces = vocabulary.fill_in(text, chosen)
        assert re.fullmatch(pattern, filled)
        assert all(pieces)
        assert len(pieces) == len(chosen)
        if kind == "pairs":
            again = tokens.copy()
            again[tokens == HIDDEN_TOKEN] = chosen
            assert vocabulary.decode(again) == filled


def test_a_vocabulary_that_the_corpus_does_not_support(pairs):
    with pytest.raises(InputError, match=r"vocabulary_size: 5000 .* fewer: \d+"):
        Vocabulary.train(CORPUS, 5000)
    with pytest.raises(InputError, match="at least 261"):
        Vocabulary.train(CORPUS, 100)
    assert len(pairs) == 300
    assert len(Vocabulary.train(CORPUS)) > 300


def test_a_tokenizer_without_marks_is_refused():
    with pytest.raises(InputError, match=r"no \[CLS\]"):
        Vocabulary(tokenizers.Tokenizer(tokenizers.models.BPE()))


def test_rows_are_the_tokens_of_texts(pairs):
    texts = [CORPUS[0], "", "short", CORPUS[1]]
    expected = pairs.encode(texts)
    rows = TokenRows(as_texts(texts), pairs, longest=100)
    assert rows.text.tolist() == [0, 2, 3]
    taken = rows.take(np.array([2, 0]))
    assert taken.shape == (2, max(len(expected[3]), len(expected[0])))
    for row, i in zip(taken, (3, 0), strict=True):
        assert row[: len(expected[i])].tolist() == expected[i].tolist()
        assert (row[len(expected[i]) :] == BEYOND_TOKEN).all()
    kept = TokenRows(as_texts(texts), pairs, longest=100, keep_empty=True)
    assert kept.lengths.tolist() == [len(each) for each in expected]
    assert (kept.take(np.array([1])) == BEYOND_TOKEN).all()


def test_long_texts_are_split_and_nothing_is_lost(pairs):
    rows = TokenRows(as_texts([CORPUS[0], "short"]), pairs, longest=7)
    assert rows.n_split == 1
    assert rows.n_texts == 2
    assert rows.lengths.max() <= 7
    first = rows.take(np.flatnonzero(rows.text == 0))
    assert first[first != BEYOND_TOKEN].tolist() == pairs.encode([CORPUS[0]])[0].tolist()


def test_very_long_texts_are_cut_between_words(pairs, monkeypatch):
    text = " ".join(CORPUS[:6])
    whole = TokenRows(as_texts([text]), pairs, longest=10_000)
    monkeypatch.setattr("thalweg.data.token_rows.LONGEST_SLICE", 50)
    cut = TokenRows(as_texts([text]), pairs, longest=10_000)
    assert cut.take(np.array([0])).tolist() == whole.take(np.array([0])).tolist()


def test_the_fingerprint_tells_texts_apart(pairs):
    def of(*texts: str) -> str:
        return TokenRows(as_texts(texts), pairs, longest=100).fingerprint()

    assert of("one text", "two") == of("one text", "two")
    assert len({of("one text", "two"), of("one text two"), of("one text", "too")}) == 3
