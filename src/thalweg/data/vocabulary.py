"""Texts as tokens: whole numbers, each a piece of a word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thalweg.core import HIDDEN_TOKEN, InputError

MASK = "[MASK]"
"""What stands in a text where something is hidden"""

USUAL_SIZE = 8000
"""Tokens, where the corpus has so many and nobody says another number"""

LEAST_SEEN = 2
"""How often a pair of tokens has to stand in the corpus to become one"""

SPACES = "Ġ▁ĊĉčĀ "
"""How tokenizers write white space, within a token"""


class Marks(NamedTuple):
    """Ids of the tokens that are no part of a text."""

    start: int
    end: int
    hidden: int
    padding: int


class Vocabulary:
    """A tokenizer of the tokenizers library, and what has to be known of its tokens.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
    start, end, hidden, padding : str
        Its tokens for the start and end of a text, for what is hidden, and for padding.
    size : int, default 0
        V of a network, which may have more numbers for tokens than there are tokens, not fewer.

    Attributes
    ----------
    marks : Marks
    special : array of bool (V,)
        Tokens that are no part of a text.
    joins, opens : array of bool (V,)
        A token that ``joins`` goes on with the word of the token before it, if that one is
        ``open`` at its end.
    spaced : array of bool (V,)
        Tokens with a space before them, as a first piece of a word has.
    """

    def __init__(
        self,
        tokenizer: Any,
        start: str = "[CLS]",
        end: str = "[SEP]",
        hidden: str = MASK,
        padding: str = "[PAD]",
        size: int = 0,
    ) -> None:
        ids = [tokenizer.token_to_id(name) for name in (start, end, hidden, padding)]
        if None in ids:
            missing = (start, end, hidden, padding)[ids.index(None)]
            raise InputError(
                f"the tokenizer has no {missing}; expected one of a masked language model, with "
                "tokens for start, end, hidden and padding"
            )
        self.tokenizer, self.names = tokenizer, (start, end, hidden, padding)
        self.marks = Marks(*ids)
        # whether a text is cut or padded is decided here, not by what a file happens to say
        tokenizer.no_truncation()
        tokenizer.no_padding()
        last = max(tokenizer.get_vocab().values())
        if size and last >= size:
            raise InputError(
                f"the tokenizer has a token of number {last}; expected numbers below {size}, the "
                "tokens of the network"
            )
        self._size = size or last + 1
        written = [tokenizer.id_to_token(i) or "" for i in range(len(self))]
        added = tokenizer.get_added_tokens_decoder()
        self.special = np.zeros(len(self), bool)
        self.special[[i for i, token in added.items() if token.special]] = True
        self.special[ids] = True
        # ids that no token has
        self.special[[not text for text in written]] = True
        self._pieces = pieces = json.loads(tokenizer.to_str())["model"]["type"] == "WordPiece"
        if pieces:
            self.joins = np.array([text.startswith("##") for text in written])
            self.opens = ~self.special
            self.spaced = ~self.joins & ~self.special
        else:
            self.joins = np.array([_of_a_word(text[:1]) for text in written]) & ~self.special
            self.opens = np.array([_of_a_word(text[-1:]) for text in written]) & ~self.special
            self.spaced = np.array([text[:1] in ("Ġ", "▁") for text in written]) & ~self.special

    @classmethod
    def train(cls, texts: Iterable[str], size: int | None = None) -> Vocabulary:
        """A byte-level byte-pair encoding: any text can be written with it, and read back.

        Parameters
        ----------
        texts : iterable of str
            Looked at once, in order.
        size : int, optional
            Tokens, the 256 bytes and 5 marks among them; if not given 8,000, or as many as the
            corpus has pairs for.

        References
        ----------
        Sennrich, Haddow, Birch, "Neural machine translation of rare words with subword units"
        (2016); Radford et al., "Language models are unsupervised multitask learners" (2019).
        """
        library = _tokenizers()
        marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
        # a mask takes the space before it with it, as the first piece of a word does
        mask = library.AddedToken(MASK, lstrip=True, special=True)
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = library.decoders.ByteLevel()
        alphabet = sorted(library.pre_tokenizers.ByteLevel.alphabet())
        trainer = library.trainers.BpeTrainer(
            vocab_size=USUAL_SIZE if size is None else size,
            min_frequency=LEAST_SEEN,
            special_tokens=[*marks, mask],
            initial_alphabet=alphabet,
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        found = tokenizer.get_vocab_size()
        if size is not None and found != size:
            raise InputError(
                f"vocabulary_size: {size} tokens were asked for, and the corpus has "
                f"{'fewer' if found < size else 'more'}: {found}; expected at most that many (and "
                f"at least {len(alphabet) + len(marks) + 1}: the bytes and the marks), or None"
            )
        ends = [
            ("[CLS]", tokenizer.token_to_id("[CLS]")),
            ("[SEP]", tokenizer.token_to_id("[SEP]")),
        ]
        tokenizer.post_processor = library.processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
        )
        return cls(tokenizer)

    @classmethod
    def from_json(cls, written: str, names: Sequence[str], size: int = 0) -> Vocabulary:
        """From what the tokenizer's ``to_str`` wrote, and the names of the four marks."""
        try:
            tokenizer = _tokenizers().Tokenizer.from_str(written)
        except Exception as error:
            raise InputError(f"the tokenizer is damaged ({error})") from error
        start, end, hidden, padding = names
        return cls(tokenizer, start, end, hidden, padding, size)

    def __len__(self) -> int:
        return self._size

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """The tokens of each text, without marks; ``HIDDEN_TOKEN`` where it says ``[MASK]``."""
        if self.names[2] != MASK:
            texts = [text.replace(MASK, self.names[2]) for text in texts]
        result = []
        for each in self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False):
            tokens = np.array(each.ids, np.int64)
            tokens[tokens == self.marks.hidden] = HIDDEN_TOKEN
            result.append(tokens)
        return result

    def decode(self, tokens: Sequence[int] | NDArray[np.integer]) -> str:
        """The text of tokens."""
        text: str = self.tokenizer.decode([int(t) for t in tokens], skip_special_tokens=False)
        return text

    def may_stand(self, text: str) -> NDArray[np.bool_]:
        """What each ``[MASK]`` of a text may be: (h, V).

        After white space a token that has some before it, elsewhere one that has none: what is
        visible of the text stays as it is.
        """
        result: list[NDArray[np.bool_]] = []
        for part in self._blanks.split(text)[:-1]:
            before = part[-1:]
            if self._pieces:
                good = self.joins if before.isalnum() else self.spaced
            else:
                spaced = before.isspace() or (not before and not result and self._begins_spaced)
                good = self.spaced if spaced else ~self.spaced & ~self.special
            good = good & self._whole
            result.append(good if good.any() else ~self.special)
        return np.array(result)

    def fill_in(self, text: str, tokens: Sequence[int]) -> tuple[str, tuple[str, ...]]:
        """A text with tokens in place of its ``[MASK]``, and how each of them is written."""
        pieces = tuple(
            self.decode([token]).removeprefix("##" if self._pieces else " ") for token in tokens
        )
        parts = self._blanks.split(text)
        filled = "".join(part + piece for part, piece in zip(parts, pieces, strict=False))
        return filled + parts[-1], pieces

    @cached_property
    def _whole(self) -> NDArray[np.bool_]:
        """Tokens that are whole characters, not some of the bytes of one, and not only a space."""
        written = self.tokenizer.decode_batch(
            [[i] for i in range(len(self))], skip_special_tokens=False
        )
        whole = np.array(
            [bool(text.strip()) and "\N{REPLACEMENT CHARACTER}" not in text for text in written]
        )
        return whole & ~self.special

    @cached_property
    def _begins_spaced(self) -> bool:
        """Whether the first word of a text is written as after a space."""
        first = self.tokenizer.encode("a", add_special_tokens=False).ids
        return bool(first) and bool(self.spaced[first[0]])

    @cached_property
    def _blanks(self) -> re.Pattern[str]:
        return re.compile("|".join(re.escape(name) for name in {MASK, self.names[2]}))


def _of_a_word(character: str) -> bool:
    """Letters, digits, and bytes that are part of a letter beyond ASCII."""
    # what stands for a space is a letter, as Unicode sees it
    return character not in ("", *SPACES) and (character.isalnum() or ord(character) > 127)


def _tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise InputError(
            "texts need the tokenizers library; expected the extra thalweg[text] to be installed"
        ) from error
    return tokenizers
